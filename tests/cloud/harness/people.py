"""The people of the story. Their personal values are recorded, because they must be found nowhere outside."""

import secrets
from dataclasses import dataclass, field


@dataclass
class Person:
    """A person with unique values."""

    given_name: str
    email: str
    phone_number: str
    password: str
    family_name: str
    id: str = ""
    version: str = ""

    def registration(self, verified: bool = True) -> dict:
        """The body of `register`."""
        return {
            "email": self.email, "email_verified": verified, "phone_number": self.phone_number,
            "password": self.password, "profile": {"given_name": self.given_name, "family_name": self.family_name},
        }

    def login(self, password: str | None = None) -> dict:
        """The body of `authenticate`."""
        return {"email": self.email, "password": password or self.password}


@dataclass
class People:
    """All people, and the values that are searched for at the end."""

    canaries: set[str] = field(default_factory=set)

    def new(self, given_name: str) -> Person:
        """A new person."""
        tag = secrets.token_hex(6)
        person = Person(
            given_name=given_name, email=f"{given_name.lower()}.{tag}@example.com",
            phone_number=f"+25471{secrets.randbelow(10**7):07}", password=self.secret(f"{given_name} likes"),
            family_name=f"Otieno-{tag}",
        )
        self.canaries |= {person.email, person.phone_number, person.family_name}
        return person

    def secret(self, text: str) -> str:
        """A password, or another value that must not leak."""
        value = f"{text} {secrets.token_hex(6)}"
        self.canaries.add(value)
        return value
