"""One page that plays: a trained network in the browser, in one file that needs no server and no network."""
