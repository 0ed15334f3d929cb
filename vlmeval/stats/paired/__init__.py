"""How far two methods are apart on the same units: differences, the exchange test, McNemar, what could be found."""
