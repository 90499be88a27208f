"""The words that everything shares: values, ids, money, time, and the ports to the outside."""
