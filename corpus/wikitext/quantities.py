"""Value and unit as {{convert}} shows them: |5|km|mi is "5 km", |2|to|3|C is "2–3 °C"; the conversion is left out."""

from collections.abc import Mapping

_BETWEEN = {  # what stands between the ends of a range or the sides of a rectangle
    **dict.fromkeys(("-", "–", "to", "to(-)", "til", "bis", "à"), "–"),
    **dict.fromkeys(("x", "×", "by", "*", "xx"), " × "),
    **dict.fromkeys(("+/-", "±", "+/−"), " ± "),
    **dict.fromkeys((",", "and", "or", "&"), ", "),
}
_SYMBOLS = {  # of units whose code is not what is shown
    **{"C": "°C", "F": "°F", "deg": "°", "km2": "km²", "m2": "m²", "cm2": "cm²", "mm2": "mm²", "mi2": "sq mi"},
    **{"sqmi": "sq mi", "sqkm": "km²", "sqm": "m²", "sqft": "sq ft", "ft2": "sq ft", "sqin": "sq in", "sqyd": "sq yd"},
    **{"km3": "km³", "m3": "m³", "cm3": "cm³", "cuft": "cu ft", "cuin": "cu in", "cumi": "cu mi", "kph": "km/h"},
    **{"kmh": "km/h", "m3/s": "m³/s", "cuft/s": "cu ft/s", "PD/sqkm": "/km²", "PD/sqmi": "/sq mi", "um": "μm"},
    **{"USgal": "US gal", "impgal": "imp gal", "N.m": "N⋅m", "Nm": "N⋅m", "kg/m3": "kg/m³", "g/cm3": "g/cm³"},
}


def quantity(given: Mapping[str, str]) -> str | None:
    """The value with its unit; None without a value."""
    value = given.get("1")
    if not value:
        return None
    number = 2
    while (between := given.get(str(number), "").lower()) in _BETWEEN and given.get(str(number + 1)):
        value += _BETWEEN[between] + given[str(number + 1)]
        number += 2
    unit = given.get(str(number), "")
    return f"{value} {_SYMBOLS.get(unit, unit)}".rstrip(" ")
