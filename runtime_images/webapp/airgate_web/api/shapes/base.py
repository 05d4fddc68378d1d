"""What all JSON has in common. Bodies refuse fields that nobody knows; answers never carry a secret."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, WithJsonSchema

# A number, or one as typed. Anything is let through: the services say what is wrong with it, in the page's own words.
Number = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})]
Words = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]})]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """An answer, made from a domain object's attributes of the same names."""

    model_config = ConfigDict(from_attributes=True)
