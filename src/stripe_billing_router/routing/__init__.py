"""From a bot id to its route: the file, the table, the route."""
