"""One module for each data set: fetch, check, parse, split; each states its licence and source."""
