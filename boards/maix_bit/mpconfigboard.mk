# Build choices of the board; nothing differs from the defaults.
