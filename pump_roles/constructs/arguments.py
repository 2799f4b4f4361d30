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
        (*_, last) = own.values()
        if passed_on_to and last.kind is Parameter.VAR_KEYWORD:
            del own[last.name]
            fields = ""
            for receiver in passed_on_to:
                further = {
                    name: parameter
                    for name, parameter in _signature_of(receiver).parameters.items()
                    if name not in own
                }
                own |= further
                fields += _fields(receiver, further)
            cls.__doc__ = _with_fields(cls, last.name, fields)
        # Required arguments come first.
        shown = Signature(sorted(own.values(), key=_is_optional))
        cls.__init__ = _with_checked_arguments(cls, shown, instead)  # type: ignore[misc]
        cls.__signature__ = _Arguments(cls, shown)  # type: ignore[attr-defined]
        return cls

    return decorated


def documented(cls: _Class) -> _Class:
    """Add the base class's docstring, except its first paragraph, to that of the class."""
    _, _, rest = cleandoc(cls.__base__.__doc__ or "").partition("\n\n")
    cls.__doc__ = f"{cleandoc(cls.__doc__ or '')}\n\n{rest}"
    return cls


def _with_checked_arguments(cls: Any, accepted: Signature, instead: str) -> Callable[..., None]:
    init: Callable[..., None] = cls.__init__
    required = [name for name, found in accepted.parameters.items() if not _is_optional(found)]

    @wraps(init)
    def checked(self: object, *args: Any, **kwargs: Any) -> None:
        called = type(self).__name__
        if instead and type(self) is cls:
            raise TypeError(f"{called} is abstract; use {instead}")
        try:
            passed = accepted.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{called}() {error}") from None
        if missing := [name for name in required if name not in passed]:
            raise TypeError(f"{called}() is missing the arguments {', '.join(missing)}")
        init(self, *args, **kwargs)

    return checked


class _Arguments:
    # A descriptor, because a subclass may have its own __init__.
    def __init__(self, cls: Any, shown: Signature) -> None:
        self._init = cls.__init__
        self._shown = shown

    def __get__(self, _: Any, owner: Any) -> Signature:
        if owner.__init__ is self._init:
            return self._shown
        return Signature(list(_parameters(owner).values()))


def _signature_of(receiver: Any) -> Signature:
    if is_typeddict(receiver):
        options = receiver.__annotations__.items()
        return Signature(
            [
                # As written, like the annotations of a function.
                Parameter(
                    name, Parameter.KEYWORD_ONLY, default=None, annotation=option.__forward_arg__
                )
                for name, option in options
            ]
        )
    shown: Signature = receiver.__signature__
    return shown


def _parameters(cls: Any) -> dict[str, Parameter]:
    _, *parameters = signature(cls.__init__).parameters.values()
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
