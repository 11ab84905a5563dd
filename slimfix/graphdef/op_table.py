"""What TensorFlow's registry says of the ops that slimfix reads: their inputs and attributes.

Source: tensorflow:tensorflow/core/ops/*.cc; a test compares the table with the registry.
"""

from __future__ import annotations

import dataclasses

# Inputs ('2+' for two or more) | attributes that each node has | ops. What follows an attribute is
# its kind where that is another than below.
_OPS = """
0  | | NoOp
0  | dtype value | Const
0  | dtype | Placeholder
0  | dtype shape | PlaceholderV2 Variable VariableV2 VarHandleOp
1  | dtype shape | PlaceholderWithDefault
1  | dtype | IsVariableInitialized ReadVariableOp
1  | | LogicalNot LoopCond VarIsInitializedOp
1  | T message | CheckNumerics
1  | T shape | EnsureShape
1  | T frame_name | Enter RefEnter
1  | T | Abs Ceil Exit Floor Identity L2Loss Neg NextIteration
1  | T | OnesLike PreventGradient RefExit RefIdentity RefNextIteration Relu Rsqrt Shape
1  | T | Size Snapshot Sqrt Square Squeeze StopGradient ZerosLike
1  | T ksize strides padding | AvgPool AvgPool3D MaxPool3D
1  | ksize strides padding | MaxPool
1  | T block_size | DepthToSpace SpaceToDepth
1  | SrcT DstT | Cast
1  | | LRN
1  | dtype T | RandomUniform
1  | output_types output_shapes | IteratorGetNext
1  | component_types | QueueDequeue QueueDequeueV2
2  | component_types | QueueDequeueMany QueueDequeueManyV2 QueueDequeueUpTo QueueDequeueUpToV2
2  | | LogicalAnd LogicalOr
2  | T | Add AddV2 ArgMax Assign AssignAdd AssignSub BiasAdd Div DivNoNan ExpandDims GreaterEqual
2  | T | MatMul Maximum Mean Minimum Mul MulNoNan Pow RealDiv RefSwitch Reshape ResizeBilinear
2  | T | ScalarSummary SoftmaxCrossEntropyWithLogits SquaredDifference Sub Sum Switch Transpose
2  | | HistogramSummary ImageSummary
2  | dtype | AssignAddVariableOp AssignSubVariableOp AssignVariableOp
2  | T strides padding | Conv2D Conv3D DepthwiseConv2dNative
2  | Tparams Tindices | Gather
2  | dtype Tindices | ResourceGather
3  | T | Select SelectV2 TensorSummaryV2
3  | T strides padding | Conv2DBackpropInput Conv3DBackpropInputV2
3  | Tparams Tindices Taxis | GatherV2
3  | T Index | Slice
3  | dtypes | RestoreV2
3  | | Range
4  | T Index | StridedSlice
4  | | StatelessRandomUniformV2
5  | T | FusedBatchNorm
5  | T U | FusedBatchNormV2 FusedBatchNormV3
0+ | T N | Merge Pack RefMerge ShapeN
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
    "type": "DstT Index SrcT T Taxis Tcond Tidx Tindices Tparams U dtype out_type output_type",
    "types": "Tin Tout component_types dtypes output_types",
    "shape": "shape",
    "shapes": "output_shapes",
    "tensor": "value",
    "func": "body cond else_branch f then_branch",
    "i": "N axis batch_dims begin_mask block_size depth_radius ellipsis_mask end_mask "
    "new_axis_mask shrink_axis_mask",
    "ints": "dilations explicit_paddings ksize squeeze_dims strides",
    "f": "alpha beta bias epsilon",
    "b": "align_corners half_pixel_centers is_training keep_dims transpose_a transpose_b "
    "validate_indices",
    "s": "data_format frame_name padding",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}


@dataclasses.dataclass(frozen=True)
class OpRule:
    """What every node of an op has.

    Attributes:
      inputs: how many tensors it reads; at least so many with `or_more`.
      required: names of the attributes that no node may lack.
      kinds: by attribute, those that a node may lack among them: 'type', 'types' for a list ...
    """

    inputs: int
    or_more: bool
    required: frozenset[str]
    kinds: dict[str, str]

    def takes(self, inputs: int) -> bool:
        """Tells whether a node may read so many tensors."""
        return inputs >= self.inputs if self.or_more else inputs == self.inputs


def _read_table() -> dict[str, OpRule]:
    rules = {}
    for line in _OPS.strip().splitlines():
        inputs, attributes, ops = (part.strip() for part in line.split("|"))
        given = dict(each.partition(":")[::2] for each in attributes.split())
        own = {name: kind for name, kind in given.items() if kind}
        rule = OpRule(
            inputs=int(inputs.rstrip("+")),
            or_more=inputs.endswith("+"),
            required=frozenset(given),
            kinds={**_KIND_OF, **own},
        )
        rules.update(dict.fromkeys(ops.split(), rule))
    return rules


RULES = _read_table()
