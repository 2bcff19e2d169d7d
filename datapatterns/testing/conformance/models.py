"""Documents of models of every kind: what is stored and comes back, and what is refused.

`CARRIED` has documents that come back equal, `REFUSED_MODELS` models that no repository or queue
takes, and `REFUSED` documents that no call stores; both with the field that the error names.
"""

# ruff: noqa: RUF012 - pydantic copies the defaults of fields

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import math
import re
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import cached_property
from pathlib import PurePosixPath
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasPath,
    AnyUrl,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Discriminator,
    Field,
    HttpUrl,
    Json,
    NonNegativeFloat,
    PlainSerializer,
    PositiveInt,
    PrivateAttr,
    RootModel,
    SecretStr,
    SerializeAsAny,
    StringConstraints,
    Tag,
    WrapValidator,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass as validated_dataclass
from typing_extensions import NamedTuple, TypeAliasType, TypedDict

from datapatterns.core.documents import Document, UtcDatetime

T = TypeVar("T")

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class Colour(enum.Enum):
    """Members with values of two types."""

    RED = "red"
    TWO = 2


class Size(enum.IntEnum):
    """Members that are numbers."""

    SMALL = 1


class Mood(enum.StrEnum):
    """Members that are texts."""

    GOOD = "good"


class Address(BaseModel):
    """A nested model, one of its fields under another name."""

    street: str
    postcode: str | None = Field(default=None, alias="postCode")

    model_config = ConfigDict(populate_by_name=True)


class Castle(Address):
    """A subclass, of which the base class stores a part only."""

    towers: int = 4


class Cat(BaseModel):
    """An alternative of a union."""

    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    """Another alternative, with a field of the same name and another type."""

    kind: Literal["dog"] = "dog"
    lives: str = "one"


class Tree(BaseModel):
    """A recursive model."""

    value: int
    children: list[Tree] = []


class Numbers(RootModel[list[int]]):
    """A model without fields of its own."""


class Line(NamedTuple):
    """A named tuple."""

    number: int
    text: str


class Options(TypedDict):
    """A dict of known keys."""

    deep: bool
    note: NotRequired[str]


@dataclasses.dataclass
class Point:
    """A dataclass."""

    x: int
    y: float = 0.0


@validated_dataclass
class Route:
    """A dataclass of pydantic's, with values of another one."""

    points: list[Point] = dataclasses.field(default_factory=list[Point])


class Careless(BaseModel):
    """A model whose equality sees nothing."""

    number: int = 0

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # as of every model that can change


class Careful(Careless):
    """Its subclass."""

    more: int = 0


# --- documents that come back


class Scalars(Document):
    """Values of JSON's own types."""

    number: int
    ratio: float
    flag: bool
    text: str
    nothing: None = None
    maybe: int | None = None


class Times(Document):
    """Moments and spans of every kind."""

    moment: datetime
    aware: AwareDatetime
    utc: UtcDatetime
    day: date
    clock: time
    span: timedelta


class Kept(Document):
    """Values that JSON has as texts."""

    price: Decimal
    key: UUID
    data: bytes
    coded: Base64Bytes
    path: PurePosixPath
    pattern: re.Pattern[str]
    url: HttpUrl
    any_url: AnyUrl
    size: ByteSize
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    network: ipaddress.IPv4Network


class Enums(Document):
    """Members of enumerations, and words."""

    colour: Colour
    other: Colour = Colour.TWO
    size: Size = Size.SMALL
    mood: Mood = Mood.GOOD
    word: Literal["a", 1, True] = "a"


class EnumValues(Document, use_enum_values=True):
    """Enumerations of which the values are kept."""

    colour: Colour = Colour.RED
    size: Size | None = None


class Containers(Document):
    """Containers of every kind, full and empty."""

    pair: tuple[int, str]
    many: tuple[int, ...] = ()
    unique: set[int] = set()
    frozen: frozenset[str] = frozenset()
    queue: deque[int] = deque()
    numbers: Sequence[int] = [1]
    by_number: dict[int, str] = {}
    by_day: dict[date, Address] = {}
    mapping: Mapping[str, float] = {}
    lists: list[list[dict[str, list[int]]]] = []
    line: Line = Line(1, "a")
    options: Options = {"deep": True}


class Nested(Document):
    """Models in models."""

    home: Address
    others: dict[str, list[Address]] = {}
    tree: Tree | None = None
    numbers: Numbers = Numbers([])
    point: Point = Point(1)
    route: Route | None = None


class Unions(Document):
    """Unions: chosen by a field, by a function, and by what fits best."""

    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    pets: list[Annotated[Cat | Dog, Field(discriminator="kind")]] = []
    smart: int | str | float | bool | None = None
    tagged: Annotated[
        Annotated[int, Tag("number")] | Annotated[list[int], Tag("numbers")],
        Discriminator(lambda value: "numbers" if isinstance(value, list) else "number"),
    ] = 1
    left: Annotated[int | str, Field(union_mode="left_to_right")] = 1


class Anything(Document):
    """A field of no type."""

    value: Any = None
    thing: object = None


class Strict(Document, strict=True):
    """A model that converts nothing."""

    moment: datetime
    price: Decimal
    key: UUID
    tags: tuple[str, ...]
    unique: set[int]
    colour: Colour
    data: bytes


class Frozen(Document):
    """A model whose fields cannot be assigned."""

    model_config = ConfigDict(frozen=True)

    name: str
    born: date


class Assigned(Document, validate_assignment=True):
    """A model that validates what is assigned."""

    name: str = Field(pattern="^[a-z]+$")
    low: int = 1
    high: int = 2

    @model_validator(mode="after")
    def _order(self) -> Assigned:
        if self.low > self.high:
            raise ValueError("low must not be above high")
        return self


class Closed(Document, extra="forbid"):
    """A model that forbids other fields, with computed ones."""

    price: int

    @computed_field
    def gross(self) -> int:
        """Return the price with taxes."""
        return self.price * 2

    @computed_field(alias="netPrice")
    def net(self) -> int:
        """Return the price without them."""
        return self.price


class Open(Document, extra="allow"):
    """A model that takes other fields."""

    name: str = ""


class TypedOpen(Document, extra="allow"):
    """A model that takes other fields of one type."""

    __pydantic_extra__: dict[str, int]  # pyright: ignore[reportIncompatibleVariableOverride] - as pydantic documents it


class Parsed(Document):
    """Fields that are JSON in JSON."""

    rules: Json[list[int]]
    anything: Json[Any] = None


class Box(Document, Generic[T]):
    """A generic model."""

    value: T
    values: list[T] = []


class Constrained(Document):
    """Types with constraints, some of which change what they are given."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
    count: PositiveInt = 1
    ratio: NonNegativeFloat = 0.0
    price: Annotated[Decimal, Field(max_digits=6, decimal_places=2, gt=0)] = Decimal("0.50")
    tags: Annotated[list[str], Field(min_length=1, max_length=3)] = ["a"]
    step: Annotated[int, Field(multiple_of=5)] = 5


class Aliased(Document):
    """Aliases of every kind."""

    plain: int = Field(default=1, alias="plainAlias")
    both: int = Field(default=2, validation_alias="theSame", serialization_alias="theSame")
    choice: int = Field(
        default=3, validation_alias=AliasChoices("old", "new"), serialization_alias="new"
    )
    path: int = Field(default=4, validation_alias=AliasChoices("path", AliasPath("paths", 0)))

    model_config = ConfigDict(populate_by_name=True)


class Camel(Document):
    """Names that a function makes."""

    first_name: str
    home_address: Address | None = None

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class Shaped(Document):
    """A model with a form of its own in JSON, which its validator reads."""

    first: str
    last: str

    @model_serializer
    def _write(self) -> dict[str, str]:
        return {"id": self.id, "name": f"{self.first} {self.last}"}

    @model_validator(mode="before")
    @classmethod
    def _read(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "name" not in data:
            return data
        fields: dict[str, Any] = dict(data)
        first, last = fields.pop("name").split(" ")
        return {**fields, "first": first, "last": last}


def _cents(value: Any, take: Any) -> Any:
    """Take a number of cents also as a text."""
    return take(value[:-1]) if isinstance(value, str) and value.endswith("c") else take(value)


class Validated(Document):
    """Validators before, after and around, on fields and on the model."""

    tags: Annotated[list[str], BeforeValidator(lambda v: v.split() if isinstance(v, str) else v)]
    name: Annotated[str, AfterValidator(str.strip)] = ""
    cents: Annotated[int, WrapValidator(_cents)] = 0
    seen: str = ""

    @field_validator("seen", mode="before")
    @classmethod
    def _text(cls, value: Any) -> str:
        return str(value)

    @model_validator(mode="wrap")
    @classmethod
    def _around(cls, data: Any, take: Any) -> Any:
        return take(data)


class Serialized(Document):
    """Fields with forms of their own in JSON, a secret that is revealed among them."""

    token: Annotated[SecretStr, PlainSerializer(lambda secret: secret.get_secret_value())]
    other: SecretStr = SecretStr("")
    span: timedelta = timedelta()

    @field_serializer("other")
    def _reveal(self, secret: SecretStr) -> str:
        return secret.get_secret_value()

    @field_serializer("span", when_used="json")
    def _seconds(self, span: timedelta) -> float:
        return span.total_seconds()


class Written(Document):
    """Types in the forms that a configuration chooses."""

    span: timedelta
    data: bytes
    ratio: float = 1.5

    model_config = ConfigDict(
        ser_json_timedelta="float", ser_json_bytes="base64", val_json_bytes="base64"
    )


class Private(Document):
    """Attributes that are no fields."""

    number: int = 1
    _calls: int = PrivateAttr(0)

    @cached_property
    def double(self) -> int:
        """Return twice the number."""
        return 2 * self.number


class Defaults(Document):
    """Defaults: fixed, made, and made of other fields."""

    fixed: list[int] = [1]
    made: list[int] = Field(default_factory=lambda: [1, 2])
    copied: int = Field(default_factory=lambda data: len(data["made"]))
    late: int = Field(default=cast("int", "3"), validate_default=True)


class MethodNames(Document):
    """Fields with names of methods and of other things."""

    json_: str = Field(default="a", alias="json")
    copy_: str = Field(default="b", alias="copy")
    items: list[int] = []
    keys: int = 1
    get: str = "get"
    type: str = "t"
    doc: str = "d"
    data: str = "x"
    self_: int = Field(default=1, alias="self")


Word = TypeAliasType("Word", Annotated[str, Field(max_length=5)])
Words = TypeAliasType("Words", "Word | list[Words]")


class Named(Document):
    """Types that have names."""

    word: Word = "a"
    words: Words = []


class Keyed(Document):
    """Dicts with keys of many types."""

    by_mood: dict[Mood, int] = {}
    by_flag: dict[bool, int] = {}
    by_key: dict[UUID, list[Decimal]] = {}
    by_price: dict[Decimal, bool] = {}
    by_moment: dict[AwareDatetime, str] = {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A frozen dataclass without a dict."""

    low: int
    high: int | None = None


class Dataclasses(Document):
    """Dataclasses in containers."""

    ranges: list[Range] = []
    unique: frozenset[Range] = frozenset()
    named: dict[str, tuple[Range, Point]] = {}


class Lazy(Document, defer_build=True):
    """A model that is built when it is first used."""

    name: str = ""
    tree: Tree | None = None


class Base(Document):
    """A document to inherit from."""

    name: str = ""


class Inherited(Base, str_strip_whitespace=True):
    """A model that inherits fields and adds some."""

    name: str = "x"
    more: int = 0


class OwnId(Document):
    """An id with a rule."""

    id: str = Field(default="abc", pattern="^[a-z]{3}$")


class GivenId(Document):
    """An id that has to be given, under another name."""

    id: str = Field(alias="_id")

    model_config = ConfigDict(populate_by_name=True)


class Equal(Document):
    """A model with an equality of its own, and a part with one."""

    part: Careless = Careless()
    name: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Equal) and self.id == other.id

    __hash__ = None  # type: ignore[assignment]  # as of every model that can change


_BERLIN = ZoneInfo("Europe/Berlin")
_TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=_BERLIN, fold=1)  # the second time on that day

CARRIED: dict[str, Document] = {
    "scalars": Scalars(number=1, ratio=0.1, flag=True, text="a", maybe=0),
    "big and small numbers": Scalars(
        number=10**300, ratio=2.2250738585072014e-308, flag=False, text=""
    ),
    "whole ratios": Scalars(number=-(2**63), ratio=1.0, flag=True, text="1", maybe=2**53 + 1),
    "unicode": Scalars(number=0, ratio=-0.0, flag=True, text='\x00\u2028\ufeff\U0001f355 \x7f\\"'),
    "text that looks like numbers": Scalars(number=0, ratio=0, flag=True, text="NaN, -Infinity"),
    "times": Times(
        moment=datetime(2026, 1, 2, 3, 4, 5, 6),
        aware=datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        utc=NOON,
        day=date(987, 6, 5),
        clock=time(1, 2, 3, 4),
        span=timedelta(days=-1, microseconds=1),
    ),
    "an hour that happens twice": Times(
        moment=_TWICE, aware=_TWICE, utc=_TWICE, day=NOON.date(), clock=time(0), span=timedelta(0)
    ),
    "texts": Kept(
        price=Decimal("1.50"),
        key=UUID(int=7),
        data=b"plain",
        coded=b"AP8=",
        path=PurePosixPath("a/b"),
        pattern=re.compile("^a+$"),
        url=HttpUrl("https://example.com/a?b=c"),
        any_url=AnyUrl("redis://example.com:1/0"),
        size=ByteSize(1024),
        address=ipaddress.ip_address("::1"),
        network=ipaddress.IPv4Network("10.0.0.0/8"),
    ),
    "enumerations": Enums(colour=Colour.RED, word=1),
    "values of enumerations": EnumValues.model_validate({"colour": Colour.TWO, "size": 1}),
    "containers": Containers(
        pair=(1, "a"),
        many=(1, 2),
        unique={1, 2},
        frozen=frozenset("ab"),
        queue=deque([1, 2]),
        by_number={1: "one", -1: ""},
        by_day={NOON.date(): Address(street="x")},
        mapping={"": 1.5},
        lists=[[], [{}, {"a": [1]}]],
        line=Line(2, "b"),
        options={"deep": False, "note": "n"},
    ),
    "empty containers": Containers(pair=(0, ""), numbers=[]),
    "nested": Nested(
        home=Address(street="Main", postCode="1"),
        others={"a": [Address(street="b")], "": []},
        tree=Tree(value=1, children=[Tree(value=2, children=[Tree(value=3)])]),
        numbers=Numbers([1, 2]),
        point=Point(1, 2.5),
        route=Route([Point(1), Point(2)]),
    ),
    "a union": Unions(pet=Cat(), pets=[Dog(), Cat(lives=1)], smart="1", tagged=[1], left="1"),
    "another union": Unions(pet=Dog(lives="9"), smart=1.0, tagged=1, left=1),
    "anything": Anything(value=[1, {"a": [None, True, 1.5, ""]}], thing={"": {}}),
    "anything else": Anything(value="2026-01-01", thing=False),
    "deep": Anything(value=[[[[[[[[[[{"a": [[[[[[[[]]]]]]]]}]]]]]]]]]]),
    "strict": Strict(
        moment=NOON,
        price=Decimal("1.1"),
        key=UUID(int=1),
        tags=("a", "b"),
        unique={1},
        colour=Colour.TWO,
        data=b"x",
    ),
    "frozen": Frozen(name="a", born=NOON.date()),
    "validated assignments": Assigned(name="abc", low=2, high=3),
    "nothing extra": Closed(price=3),
    "extra fields": Open.model_validate({"name": "a", "more": [1, {"b": None}], "$x": 1, "": 2}),
    "extra fields of a type": TypedOpen.model_validate({"one": 1, "two": "2"}),
    "JSON in JSON": Parsed.model_validate({"rules": "[1, 2]", "anything": '{"a": null}'}),
    "generic": Box[int](value=1, values=[2]),
    "generic of a model": Box[Address](value=Address(street="a")),
    "constrained": Constrained(name=" ANN ", price=Decimal("12.34"), step=10),
    "aliases": Aliased.model_validate({"plainAlias": 5, "theSame": 6, "old": 7, "paths": [8]}),
    "aliases by name": Aliased.model_validate({"plain": 9, "both": 10, "choice": 11, "path": 12}),
    "camel case": Camel(first_name="Ann", home_address=Address(street="Main")),
    "its own form": Shaped(first="Ada", last="King"),
    "validators": Validated.model_validate(
        {"tags": "a b", "name": " x ", "cents": "7c", "seen": 1}
    ),
    "serializers": Serialized(token=SecretStr("t"), other=SecretStr("o"), span=timedelta(1.5)),
    "configured forms": Written(span=timedelta(microseconds=1), data=b"\x00\xff"),
    "private attributes": Private(number=2),
    "defaults": Defaults.model_validate({"made": []}),
    "names of methods": MethodNames.model_validate({"json": "j", "self": 2, "items": [1]}),
    "named types": Named(word="abc", words=["a", ["b", []]]),
    "keys": Keyed(
        by_mood={Mood.GOOD: 1},
        by_flag={True: 1, False: 0},
        by_key={UUID(int=1): [Decimal("1.10")]},
        by_price={Decimal("0.10"): True},
        by_moment={NOON: "noon"},
    ),
    "dataclasses": Dataclasses(
        ranges=[Range(low=1)],
        unique=frozenset([Range(low=1, high=2)]),
        named={"a": (Range(low=0), Point(1))},
    ),
    "built late": Lazy(name="a", tree=Tree(value=1)),
    "inherited": Inherited(name=" a ", more=1),
    "an id with a rule": OwnId(id="xyz"),
    "an id under another name": GivenId.model_validate({"id": "given"}),
    "its own equality": Equal(part=Careless(number=3), name="a"),
    "no fields": Document(),
}


# --- models and documents that are refused


class Masked(Document):
    """A secret."""

    secret: SecretStr = SecretStr("x")


class DeeplyMasked(Document):
    """A secret, deep inside."""

    class Inner(BaseModel):
        """A part with a secret."""

        secrets: dict[str, list[SecretStr | None]] = {}

    inner: list[Inner | None] = []


class Excluded(Document):
    """A field that is left out."""

    hidden: int = Field(default=1, exclude=True)


class Split(Document):
    """A field that is written under a name from which it is not read."""

    name: str = Field(default="", validation_alias=AliasChoices("userName", "username"))


class SplitPath(Document):
    """A field that is read from inside of another."""

    name: str = Field(default="", validation_alias=AliasPath("names", 0))


class TwoOfOneName(Document):
    """Two fields under one name."""

    one: int = 1
    two: int = 2

    model_config = ConfigDict(
        alias_generator=lambda name: name if name in ("id", "rev") else "number"
    )


class NamedAsOurs(Document):
    """A field under the name of the id."""

    key: str = ""

    model_config = ConfigDict(alias_generator=lambda name: name if name == "rev" else "id")


REFUSED_MODELS: dict[str, tuple[type[Document], str]] = {
    "a secret": (Masked, "Masked.secret"),
    "a secret inside": (DeeplyMasked, "Inner.secrets"),
    "a generic secret": (Box[SecretStr], "value"),
    "an excluded field": (Excluded, "Excluded.hidden"),
    "a split alias": (Split, "Split.name"),
    "a path as an alias": (SplitPath, "SplitPath.name"),
    "two fields of one name": (TwoOfOneName, "TwoOfOneName.two"),
    "a field of the name of the id": (NamedAsOurs, "NamedAsOurs.key"),
}


class Homes(Document):
    """Parts of a base class."""

    home: Address = Address(street="")
    homes: list[Address] = []
    any_home: SerializeAsAny[Address] = Address(street="")
    careless: Careless = Careless()
    values: dict[str, Any] = {}
    ratio: float = 0.0
    data: bytes = b""
    pattern: re.Pattern[str] = re.compile("")
    note: Annotated[str, AfterValidator(lambda value: value and value + "!")] = ""


def _homes(**values: Any) -> Homes:
    """Return a document with values that nobody has validated."""
    return Homes.model_construct(id="refused", note="", **values)


REFUSED: dict[str, tuple[Document, str]] = {
    "a subclass": (Homes(home=Castle(street="")), "home"),
    "subclasses in a list": (Homes(homes=[Address(street=""), Castle(street="")]), "homes"),
    "a subclass as what it is": (Homes(any_home=Castle(street="")), "any_home"),
    "a subclass that says it is equal": (Homes(careless=Careful()), "careless"),
    "a tuple": (Homes(values={"a": (1,)}), "values"),
    "a set": (Homes(values={"a": {1}}), "values"),
    "bytes": (Homes(values={"a": b"a"}), "values"),
    "a Decimal": (Homes(values={"a": [Decimal(1)]}), "values"),
    "a secret": (Homes(values={"a": SecretStr("x")}), "values"),
    "a model": (Homes(values={"a": Address(street="")}), "values"),
    "keys that are numbers": (Homes(values={"a": {1: 1}}), "values"),
    "NaN": (Homes(ratio=math.nan), "ratio"),
    "NaN inside": (Homes(values={"a": [{"b": math.nan}]}), "values"),
    "infinity": (Homes(values={"a": -math.inf}), "values"),
    "bytes that are no text": (Homes(data=b"\xff"), "data"),
    "a pattern with flags": (Homes(pattern=re.compile("a", re.IGNORECASE)), "pattern"),
    "an object": (Homes(values={"a": object()}), "values"),
    "a validator that changes again": (Homes(note="a"), "note"),
    "a value that does not validate": (_homes(ratio="x"), "ratio"),
    "a value of another type": (_homes(data="a"), "data"),
    "a lone surrogate": (Homes(values={"a": "\ud800"}), "values"),
}
