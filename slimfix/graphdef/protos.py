"""The protobuf messages of TensorFlow's graph files, as far as slimfix reads them.

They are made of the table below by the protobuf runtime alone, in a pool of their own, so that
TensorFlow may register its messages beside them. Fields that the table leaves out survive when a
message is written again: `to_tensorflow` hands a graph on whole.

Why a table: TensorFlow's own classes cost its import, two seconds and more; packages that ship
generated ones (tensorboard) bring hundreds of messages, are tied to one protobuf release, and are
not installed beside TensorFlow 2.21. The table serves protobuf 3.20 to 7, and makes its classes in
two milliseconds.

Source: tensorflow:tensorflow/core/framework/*.proto, tensorflow/core/protobuf/*.proto.
"""

from __future__ import annotations

from typing import Any, Iterable, Iterator, Mapping

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

# name=number:type; '*' is repeated, '{}' a map from string. An enum is the int32 of its number.
_MESSAGES = {
    "Dim": "size=1:int64",
    "TensorShapeProto": "dim=2:Dim* unknown_rank=3:bool",
    "TensorProto": "dtype=1:int32 tensor_shape=2:TensorShapeProto tensor_content=4:bytes "
    "float_val=5:float* double_val=6:double* int_val=7:int32* string_val=8:bytes* "
    "scomplex_val=9:float* int64_val=10:int64* bool_val=11:bool* dcomplex_val=12:double* "
    "half_val=13:int32* uint32_val=16:uint32* uint64_val=17:uint64*",
    "NameAttrList": "name=1:string attr=2:AttrValue{}",
    "ListValue": "s=2:bytes* i=3:int64* f=4:float* b=5:bool* type=6:int32* "
    "shape=7:TensorShapeProto* tensor=8:TensorProto* func=9:NameAttrList*",
    "AttrValue": "list=1:ListValue s=2:bytes i=3:int64 f=4:float b=5:bool type=6:int32 "
    "shape=7:TensorShapeProto tensor=8:TensorProto placeholder=9:string func=10:NameAttrList",
    "NodeDef": "name=1:string op=2:string input=3:string* device=4:string attr=5:AttrValue{}",
    "ArgDef": "name=1:string type=3:int32",
    "OpDef": "name=1:string input_arg=2:ArgDef* output_arg=3:ArgDef*",
    "FunctionDef": "signature=1:OpDef node_def=3:NodeDef* ret=4:string{} control_ret=6:string{}",
    "FunctionDefLibrary": "function=1:FunctionDef*",
    "VersionDef": "producer=1:int32",
    "GraphDef": "node=1:NodeDef* library=2:FunctionDefLibrary versions=4:VersionDef",
    "MetaInfoDef": "tags=4:string*",
    "NodeList": "value=1:string*",
    "BytesList": "value=1:bytes*",
    "CollectionDef": "node_list=1:NodeList bytes_list=2:BytesList",
    "TensorInfo": "name=1:string dtype=2:int32",
    "SignatureDef": "inputs=1:TensorInfo{} outputs=2:TensorInfo{}",
    "SavedObject": "",
    "SavedObjectGraph": "nodes=1:SavedObject*",
    "MetaGraphDef": "meta_info_def=1:MetaInfoDef graph_def=2:GraphDef "
    "collection_def=4:CollectionDef{} signature_def=5:SignatureDef{} "
    "object_graph_def=7:SavedObjectGraph",
    "SavedModel": "meta_graphs=2:MetaGraphDef*",
    "SaveSliceInfoDef": "full_name=1:string full_shape=2:int64* var_offset=3:int64* "
    "var_shape=4:int64*",
    "VariableDef": "variable_name=1:string save_slice_info_def=4:SaveSliceInfoDef",
}
_ONE_OF = {"AttrValue": "value", "CollectionDef": "kind"}  # All fields of these are one choice.
_PACKAGE = "slimfix"
_FIELD = descriptor_pb2.FieldDescriptorProto


def _describe() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="slimfix/graphdef.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        choice = _ONE_OF.get(name)
        if choice:
            message.oneof_decl.add(name=choice)
        for field_name, number, kind, form in _read_fields(fields):
            field = message.field.add(name=field_name, number=number, label=_FIELD.LABEL_OPTIONAL)
            if form == "{}":
                entry = message.nested_type.add(name=f"{field_name.title().replace('_', '')}Entry")
                entry.options.map_entry = True
                _set_type(entry.field.add(name="key", number=1, label=1), "string")
                _set_type(entry.field.add(name="value", number=2, label=1), kind)
                kind = f"{name}.{entry.name}"
            if form:
                field.label = _FIELD.LABEL_REPEATED
            if choice:
                field.oneof_index = 0
            _set_type(field, kind)
    return file


def _read_fields(fields: str) -> Iterator[tuple[str, int, str, str]]:
    """Yields name, number, type and '', '*' or '{}' of each field of a line of the table."""
    for each in fields.split():
        name, _, rest = each.partition("=")
        number, _, kind = rest.partition(":")
        form = next((mark for mark in ("*", "{}") if kind.endswith(mark)), "")
        yield name, int(number), kind[: len(kind) - len(form)], form


def _set_type(field: Any, kind: str) -> None:
    scalar = getattr(_FIELD, f"TYPE_{kind.upper()}", None)
    if scalar is None:
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
    else:
        field.type = scalar


def _make_classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_describe().SerializeToString())
    make = getattr(message_factory, "GetMessageClass", None)  # From protobuf 4.22 on.
    make = make or message_factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES}


_CLASSES = _make_classes()
AttrValue = _CLASSES["AttrValue"]
GraphDef = _CLASSES["GraphDef"]
MetaGraphDef = _CLASSES["MetaGraphDef"]
NodeDef = _CLASSES["NodeDef"]
SavedModel = _CLASSES["SavedModel"]
TensorProto = _CLASSES["TensorProto"]
VariableDef = _CLASSES["VariableDef"]


def parse(message: Any, content: bytes) -> Any:
    """Returns the message of a class above that some bytes hold, None where they hold none."""
    try:
        return message.FromString(content)
    except DecodeError:
        return None


def add_node(
    graph_def: Any, name: str, op: str, inputs: Iterable[str], attrs: Mapping[str, Any]
) -> Any:
    """Adds a node to a GraphDef of ours and returns it.

    Args:
      inputs: tensor names, and '^name' for what it waits for.
      attrs: AttrValue by name, of ours or of TensorFlow's.
    """
    proto = graph_def.node.add(name=name, op=op, input=inputs)
    for key, value in attrs.items():
        proto.attr[key].MergeFromString(value.SerializeToString())
    return proto
