"""The schedule of polls, simulated: how many polls it takes, and how late a result is seen."""
