"""The forms that a right model may have. Importing this package fills the registry."""

from tests.mutants.search.forms import expressed, kernels, naming, nesting, objects
from tests.mutants.search.forms.registry import FORMS, Form

__all__ = ["FORMS", "Form", "expressed", "kernels", "naming", "nesting", "objects"]
