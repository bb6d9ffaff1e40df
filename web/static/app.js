// The visitor's page: documents go in, and his own conversions are listed.

import * as conversions from "./conversions.js";
import * as order from "./order.js";
import { repeat } from "./page.js";
import { convert, isUploading } from "./uploads.js";

const BUSY_S = 2;
const CALM_S = 5;

const known = order.start((files, to) => convert(files, to));
conversions.start(order.choose);
repeat(
  async () => {
    await known; // asks for the key, where one is needed
    await conversions.look();
  },
  () => (isUploading() || conversions.isBusy() ? BUSY_S : CALM_S),
);
