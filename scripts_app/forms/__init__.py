"""A JSON schema as a form, and a posted form as arguments. Pure apart from the words of its messages.

`fields(schema, values, errors)` gives what templates/ui/schema_form.html draws; `decode(schema, post)` reads it back.
"""

from scripts_app.forms.decode import decode
from scripts_app.forms.fields import Field, Option, fields
from scripts_app.forms.shape import sound

__all__ = ["Field", "Option", "decode", "fields", "sound"]
