"""The cloud run: the whole system on an emulator of AWS, and the checks of it."""
