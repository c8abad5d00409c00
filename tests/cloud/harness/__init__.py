"""The cloud run: the whole system on an emulator of AWS, and what is seen of it."""
