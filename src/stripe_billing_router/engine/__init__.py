"""The order of things: intent, calls, outcome; recovery, look-ups and reversals."""
