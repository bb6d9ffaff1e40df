// The operator's page: the fleet, its failures, and every conversion.

import { LARGEST_PAGE } from "./api.js";
import * as failures from "./failures.js";
import * as filter from "./filter.js";
import * as fleet from "./fleet.js";
import * as list from "./list.js";
import { repeat } from "./page.js";

const FLEET_S = 3;
const LIST_S = 4;

filter.start(() => {
  failures.show();
  list.showAnew();
}, list.searchServer);
failures.start();
list.start(LARGEST_PAGE);
repeat(async () => failures.look(await fleet.look()), () => FLEET_S);
repeat(list.look, () => LIST_S);
