"""What TensorFlow's registry says of the ops that slimfix reads: their inputs and attributes.

Source: tensorflow:tensorflow/core/ops/*.cc; a test compares the table with the registry.
"""

from __future__ import annotations

import dataclasses

# Inputs ('2+' for two or more) | attributes that each node has, then those that it may have | ops.
# What follows an attribute is its kind where that is another than below.
_OPS = """
0  | | NoOp
0  | dtype value | Const
0  | dtype, shape | Placeholder
0  | dtype shape | PlaceholderV2 Variable VariableV2 VarHandleOp
1  | dtype shape | PlaceholderWithDefault
1  | dtype | IsVariableInitialized ReadVariableOp
1  | | LogicalNot LoopCond VarIsInitializedOp
1  | T message:s | CheckNumerics
1  | T shape | EnsureShape
1  | T frame_name | Enter RefEnter
1  | T | Abs Ceil Exit Floor Identity L2Loss Neg NextIteration OnesLike PreventGradient RefExit
1  | T | RefIdentity RefNextIteration Relu Rsqrt Snapshot Sqrt Square StopGradient ZerosLike
1  | T, out_type | Shape Size
1  | T, squeeze_dims | Squeeze
1  | T ksize strides padding, data_format | AvgPool AvgPool3D MaxPool3D
1  | ksize strides padding, T data_format | MaxPool
1  | T block_size, data_format | DepthToSpace SpaceToDepth
1  | SrcT DstT | Cast
1  | , T depth_radius bias alpha beta | LRN
1  | dtype T | RandomUniform
1  | output_types output_shapes | IteratorGetNext
1  | component_types | QueueDequeue QueueDequeueV2
2  | component_types | QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2
2  | | LogicalAnd LogicalOr
2  | T | Add AddV2 Assign AssignAdd AssignSub Div DivNoNan ExpandDims GreaterEqual Maximum Minimum
2  | T | Mul MulNoNan Pow RealDiv RefSwitch Reshape ScalarSummary SoftmaxCrossEntropyWithLogits
2  | T | SquaredDifference Sub Switch Transpose
2  | T, output_type | ArgMax
2  | T, data_format | BiasAdd
2  | T, transpose_a transpose_b | MatMul
2  | T, keep_dims | Mean Sum
2  | T, align_corners half_pixel_centers | ResizeBilinear
2  | , T | HistogramSummary ImageSummary
2  | dtype | AssignAddVariableOp AssignSubVariableOp AssignVariableOp
2  | T strides padding, data_format dilations | Conv2D Conv3D DepthwiseConv2dNative
2  | Tparams Tindices, validate_indices | Gather
2  | dtype Tindices, batch_dims validate_indices | ResourceGather
3  | T | Select SelectV2 TensorSummaryV2
3  | T strides padding, data_format dilations | Conv2DBackpropInput Conv3DBackpropInputV2
3  | Tparams Tindices Taxis, batch_dims | GatherV2
3  | T Index | Slice
3  | dtypes | RestoreV2
3  | | Range
4  | T Index, begin_mask end_mask ellipsis_mask new_axis_mask shrink_axis_mask | StridedSlice
4  | | StatelessRandomUniformV2
5  | T, epsilon data_format is_training | FusedBatchNorm
5  | T U, epsilon data_format is_training | FusedBatchNormV2 FusedBatchNormV3
0+ | T N | Merge RefMerge
0+ | T N, axis | Pack
0+ | T N, out_type | ShapeN
0+ | T:types | IdentityN
0+ | T:types cond body | StatelessWhile While
0+ | Tin Tout f | PartitionedCall StatefulPartitionedCall
1+ | Tcond Tin Tout then_branch else_branch | If StatelessIf
1+ | T:types | Assert
1+ | T N | ConcatV2
1+ | T U:types | Print
2+ | T:types | Save
"""
# The field of an AttrValue, or of its list, that an attribute of these ops is kept in.
_KINDS = {
    "type": "DstT Index SrcT T Taxis Tcond Tindices Tparams U dtype out_type output_type",
    "types": "Tin Tout component_types dtypes output_types",
    "shape": "shape",
    "shapes": "output_shapes",
    "tensor": "value",
    "func": "body cond else_branch f then_branch",
    "i": "N axis batch_dims begin_mask block_size depth_radius ellipsis_mask end_mask "
    "new_axis_mask shrink_axis_mask",
    "ints": "dilations ksize squeeze_dims strides",
    "f": "alpha beta bias epsilon",
    "b": "align_corners half_pixel_centers is_training keep_dims transpose_a transpose_b "
    "validate_indices",
    "s": "data_format frame_name padding",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}

# By op, the attribute that says how many tensors a node reads or gives. TensorFlow makes as many,
# before it looks whether they are there.
COUNTS = {
    **dict.fromkeys(("AccumulateNV2", "AddN", "Concat", "ConcatOffset", "ConcatV2", "Pack"), "N"),
    **dict.fromkeys(("DynamicStitch", "ParallelConcat", "ParallelDynamicStitch"), "N"),
    **dict.fromkeys(("Merge", "MergeSummary", "RefMerge", "RefSelect", "ShapeN"), "N"),
    **dict.fromkeys(("Split", "SplitV"), "num_split"),
    **{"DynamicPartition": "num_partitions", "Unpack": "num"},
}


@dataclasses.dataclass(frozen=True)
class OpRule:
    """What every node of an op has.

    Attributes:
      inputs: how many tensors it reads; at least so many with `or_more`.
      required: the kind of each attribute that no node may lack: 'type', 'types' for a list ...
      optional: the kind of each that slimfix reads where a node has it.
    """

    inputs: int
    or_more: bool
    required: dict[str, str]
    optional: dict[str, str]

    def takes(self, inputs: int) -> bool:
        """Tells whether a node may read so many tensors."""
        return inputs >= self.inputs if self.or_more else inputs == self.inputs


def _read_table() -> dict[str, OpRule]:
    rules = {}
    for line in _OPS.strip().splitlines():
        inputs, attributes, ops = (part.strip() for part in line.split("|"))
        required, _, optional = attributes.partition(",")
        rule = OpRule(
            inputs=int(inputs.rstrip("+")),
            or_more=inputs.endswith("+"),
            required=_read_kinds(required),
            optional=_read_kinds(optional),
        )
        rules.update(dict.fromkeys(ops.split(), rule))
    return rules


def _read_kinds(attributes: str) -> dict[str, str]:
    pairs = (each.partition(":")[::2] for each in attributes.split())
    return {name: kind or _KIND_OF[name] for name, kind in pairs}


RULES = _read_table()
