"""Makes ``help()``, ``inspect.signature()``, and errors show a construct's arguments.

jsii's metaclass hides them. Without this, every construct has the signature ``(*args, **kwargs)``.
"""

import re
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, cleandoc, signature
from typing import Any, Final, TypeVar, is_typeddict

_Class = TypeVar("_Class", bound=type)
_FIELD: Final = re.compile(r"^:param (\w+):.*\n(?: +.*\n)*", re.MULTILINE)


def with_arguments(
    *, passed_on_to: tuple[type, ...] = (), instead: str = ""
) -> Callable[[_Class], _Class]:
    """Return a decorator that shows the arguments of a class's ``__init__``.

    The constructor then raises a ``TypeError`` that names the class that was called, also if a base
    class defines the arguments.

    :param passed_on_to: the classes that get the arguments of ``**``, or their ``TypedDict``. They
        are shown as in its docstring. By default, there are none.
    :param instead: the classes to use instead if the class is abstract. By default, it is not.
    """

    def decorated(cls: _Class) -> _Class:
        own = _parameters(cls)
        if passed_on_to:
            *_, last = own
            del own[last]
            fields = ""
            for receiver in passed_on_to:
                further = {
                    name: parameter
                    for name, parameter in _parameters(receiver).items()
                    if name not in own
                }
                own |= further
                fields += _fields(receiver, further)
            cls.__doc__ = _with_fields(cls, last, fields)
        # Required arguments come first.
        accepted = Signature(sorted(own.values(), key=_is_optional))
        cls.__init__ = _with_checked_arguments(cls, accepted, instead)  # type: ignore[misc]
        cls.__signature__ = _Arguments()  # type: ignore[attr-defined]
        return cls

    return decorated


def documented(cls: _Class) -> _Class:
    """Add the base class's docstring, except its first paragraph, to that of the class."""
    _, _, rest = cleandoc(cls.__base__.__doc__ or "").partition("\n\n")
    cls.__doc__ = f"{cleandoc(cls.__doc__ or '')}\n\n{rest}"
    return cls


def _with_checked_arguments(cls: Any, accepted: Signature, instead: str) -> Callable[..., None]:
    init: Any = cls.__init__

    @wraps(init)
    def checked(self: object, *args: Any, **kwargs: Any) -> None:
        called = type(self).__name__
        if instead and type(self) is cls:
            raise TypeError(f"{called} is abstract; use {instead}")
        try:
            # First, so that a misspelled argument is named, not the one that is then missing.
            accepted.bind_partial(*args, **kwargs)
            accepted.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{called}() {error}") from None
        init(self, *args, **kwargs)

    self = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    checked.__signature__ = Signature([self, *accepted.parameters.values()])  # type: ignore[attr-defined]
    return checked


class _Arguments:
    # A descriptor, because a subclass may have its own __init__.
    def __get__(self, _: Any, owner: Any) -> Signature:
        return Signature([*_parameters(owner).values()])


def _parameters(receiver: Any) -> dict[str, Parameter]:
    if is_typeddict(receiver):
        return {
            # As written, like the annotations of a function.
            name: Parameter(
                name, Parameter.KEYWORD_ONLY, default=None, annotation=option.__forward_arg__
            )
            for name, option in receiver.__annotations__.items()
        }
    _, *parameters = signature(receiver.__init__).parameters.values()
    return {parameter.name: parameter for parameter in parameters}


def _is_optional(parameter: Parameter) -> bool:
    return parameter.default is not Parameter.empty


def _fields(cls: type, names: Any) -> str:
    found = _FIELD.finditer(f"{cleandoc(cls.__doc__ or '')}\n")
    return "".join(field[0] for field in found if field[1] in names)


def _with_fields(cls: type, name: str, fields: str) -> str:
    # The fields replace the field of ``**``.
    return _FIELD.sub(
        lambda field: fields if field[1] == name else field[0], f"{cleandoc(cls.__doc__ or '')}\n"
    )
