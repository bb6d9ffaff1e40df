"""How a producer accepts conversions and makes signatures: the work behind `Conveyor`."""
