"""Which ops only compute, and which others may run: lists, for what is on none of them is not run.

TensorFlow's own mark, `is_stateful`, does not tell: ReadFile, MatchingFiles and ImmutableConst
read files, PyFuncStateless calls Python, and none of them has it.
"""

from __future__ import annotations

from slimfix.graphdef.variables import ASSIGN_OPS, VARIABLE_OPS

_ELEMENTWISE = """
Abs Acos Acosh Add AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0e
BesselI1e Betainc BiasAdd BiasAddV1 BitwiseAnd BitwiseOr BitwiseXor Cast Ceil ClipByValue Complex
ComplexAbs Conj Cos Cosh Digamma Div DivNoNan Elu Equal Erf Erfc Erfinv Exp Expm1
FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Floor FloorDiv
FloorMod Greater GreaterEqual Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan LeakyRelu
LeftShift Less LessEqual Lgamma Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul
MulNoNan Ndtri Neg NextAfter NotEqual OnesLike Polygamma Pow QuantizeAndDequantize
QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 Real RealDiv Reciprocal Relu Relu6 RightShift Rint
Round Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Square
SquaredDifference Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy ZerosLike Zeta
"""
_SAME_VALUES = """
Bitcast BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const DepthToSpace Diag DiagPart
DynamicPartition DynamicStitch EnsureShape ExpandDims Fill Gather GatherNd GatherV2 Identity
IdentityN InvertPermutation LinSpace ListDiff MatrixBandPart MatrixDiag MatrixDiagPart
MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 MatrixSetDiag MatrixSetDiagV2
MatrixSetDiagV3 MirrorPad OneHot Pack Pad PadV2 ParallelConcat ParallelDynamicStitch
PreventGradient Range Rank Reshape Reverse ReverseSequence ReverseV2 Roll ScatterNd Shape ShapeN
Size Slice Snapshot SpaceToBatch SpaceToBatchND SpaceToDepth BatchToSpace BatchToSpaceND
SparseToDense Split SplitV Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterSub
TensorScatterUpdate Tile TopK TopKV2 Transpose Unique UniqueV2 Unpack UnravelIndex Where
ConjugateTranspose
"""
_REDUCTIONS = """
All Any ArgMax ArgMin Bincount BroadcastGradientArgs Cumprod Cumsum CumulativeLogsumexp
EuclideanNorm InTopK InTopKV2 L2Loss LogSoftmax Max Mean Min NthElement Prod SegmentMax SegmentMean
SegmentMin SegmentProd SegmentSum Softmax SoftmaxCrossEntropyWithLogits
SparseSoftmaxCrossEntropyWithLogits Sum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd
UnsortedSegmentSum
"""
_LAYERS = """
AdjustContrastv2 AdjustHue AdjustSaturation AvgPool AvgPool3D BatchMatMul BatchMatMulV2
BatchMatMulV3 BatchNormWithGlobalNormalization Cholesky Conv2D Conv2DBackpropInput Conv3D
Conv3DBackpropInput Conv3DBackpropInputV2 CropAndResize Cross DataFormatDimMap DataFormatVecPermute
DepthwiseConv2dNative DepthwiseConv2dNativeBackpropInput Dequantize Dilation2D Einsum
ExtractImagePatches ExtractVolumePatches FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
HSVToRGB LRN MatMul MatrixDeterminant MatrixInverse MatrixSolve MatrixTriangularSolve MaxPool
MaxPool3D MaxPoolV2 MaxPoolWithArgmax QuantizeV2 Qr RGBToHSV ResizeArea ResizeBicubic
ResizeBilinear ResizeNearestNeighbor SparseMatMul SparseTensorDenseMatMul Svd
"""
# They give the same for the same inputs, do nothing else, and TensorFlow infers how much they make.
PURE_OPS = frozenset(" ".join((_ELEMENTWISE, _SAME_VALUES, _REDUCTIONS, _LAYERS)).split())

_CONTROL_FLOW = """
ControlTrigger Enter Exit LoopCond Merge NextIteration NoOp Placeholder PlaceholderV2
PlaceholderWithDefault RefEnter RefExit RefIdentity RefMerge RefNextIteration RefSelect RefSwitch
Switch
"""
_MEMORY = """
CountUpTo IsVariableInitialized ReadVariableOp ResourceGather ResourceGatherNd VarIsInitializedOp
VariableShape
Stack StackPop StackPopV2 StackPush StackPushV2 StackV2 TensorArray TensorArrayConcat
TensorArrayConcatV2 TensorArrayConcatV3 TensorArrayGather TensorArrayGatherV2 TensorArrayGatherV3
TensorArrayReadV2 TensorArrayReadV3 TensorArrayScatterV2 TensorArrayScatterV3 TensorArraySizeV2
TensorArraySizeV3 TensorArraySplitV2 TensorArraySplitV3 TensorArrayV2 TensorArrayV3
TensorArrayWriteV2 TensorArrayWriteV3 TensorListFromTensor TensorListGetItem TensorListLength
TensorListPopBack TensorListPushBack TensorListReserve TensorListSetItem TensorListStack
EmptyTensorList FakeParam OptionalFromValue OptionalGetValue OptionalHasValue OptionalNone
TensorListConcat TensorListConcatLists TensorListConcatV2 TensorListElementShape TensorListGather
TensorListResize TensorListScatter TensorListSplit
"""
_DRAWING = """
Multinomial ParameterizedTruncatedNormal RandomGamma RandomPoisson RandomPoissonV2 RandomShuffle
RandomStandardNormal RandomUniform RandomUniformInt SampleDistortedBoundingBox
SampleDistortedBoundingBoxV2 StatelessMultinomial StatelessRandomGetAlg
StatelessRandomGetKeyCounter StatelessRandomNormal StatelessRandomNormalV2
StatelessRandomUniform StatelessRandomUniformInt StatelessRandomUniformIntV2
StatelessRandomUniformV2 StatelessTruncatedNormal StatelessTruncatedNormalV2 TruncatedNormal
"""
# How much these make depends on the values that they get.
_OF_VALUES = """
AsString DecodeBase64 DecodeBmp DecodeCSV DecodeGif DecodeImage DecodeJpeg DecodePng DecodeRaw
EncodeJpeg EncodePng ParseExample ParseExampleV2 ParseSingleExample ParseTensor RegexReplace
StringJoin StringLength StringSplit StringSplitV2 StringToHashBucketFast StringToNumber Substr
CombinedNonMaxSuppression NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
NonMaxSuppressionV4 NonMaxSuppressionV5 NonMaxSuppressionWithOverlaps
AudioSpectrogram DecodeWav FFT FFT2D FFT3D IFFT IFFT2D IFFT3D IRFFT IRFFT2D IRFFT3D Mfcc RFFT RFFT2D
RFFT3D
BlockLSTM BlockLSTMV2 CTCBeamSearchDecoder CTCGreedyDecoder FractionalAvgPool FractionalMaxPool
GRUBlockCell LSTMBlockCell
DrawBoundingBoxes EditDistance ExtractGlimpse ImageProjectiveTransformV2 ScaleAndTranslate
SparseAdd SparseConcat SparseDenseCwiseAdd SparseDenseCwiseDiv SparseDenseCwiseMul
SparseFillEmptyRows SparseReduceMax SparseReduceSum SparseReorder SparseReshape SparseSegmentMean
SparseSegmentSqrtN SparseSegmentSum SparseSlice SparseSoftmax SparseSplit SparseTensorDenseAdd
HistogramSummary ImageSummary MergeSummary ScalarSummary TensorSummary TensorSummaryV2
"""
_CHECKS = "Assert CheckNumerics CheckNumericsV2"
# All that these change is the session's own memory, or what they check ends in an error.
HARMLESS_OPS = frozenset(
    [
        *PURE_OPS,
        *VARIABLE_OPS,
        *ASSIGN_OPS,
        *" ".join((_CONTROL_FLOW, _MEMORY, _DRAWING, _OF_VALUES, _CHECKS)).split(),
    ]
)
