"""Everything durable: the database with journal and ledger, and the spool beside it."""
