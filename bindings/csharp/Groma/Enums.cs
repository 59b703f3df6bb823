// The choices that the library offers, with the numbers of the C interface.
namespace Groma
{
    /// <summary>What a long call is doing.</summary>
    public enum Stage
    {
        /// <summary>Nothing has begun.</summary>
        Start = Low.GROMA_STAGE_START,
        /// <summary>Reading and decoding points.</summary>
        Read = Low.GROMA_STAGE_READ,
        /// <summary>Building the ground surfaces.</summary>
        Ground = Low.GROMA_STAGE_GROUND,
        /// <summary>Searching neighbours and computing features that other features need.</summary>
        Features = Low.GROMA_STAGE_FEATURES,
        /// <summary>Computing the remaining features and running the model.</summary>
        Inference = Low.GROMA_STAGE_INFERENCE,
        /// <summary>Encoding and writing points.</summary>
        Write = Low.GROMA_STAGE_WRITE,
        /// <summary>Choosing which points stay.</summary>
        Filter = Low.GROMA_STAGE_FILTER
    }

    /// <summary>How neighbours are searched. The result does not depend on it.</summary>
    public enum Search
    {
        /// <summary>Chosen from the cloud.</summary>
        Auto = Low.GROMA_SEARCH_AUTO,
        /// <summary>A row-contiguous grid: airborne clouds.</summary>
        Grid = Low.GROMA_SEARCH_GRID,
        /// <summary>A k-d tree: terrestrial and very uneven clouds.</summary>
        KdTree = Low.GROMA_SEARCH_KD_TREE
    }

    /// <summary>Type of the elements of an array. Columns of points take the first ten.</summary>
    public enum ElementType
    {
        /// <summary>No tensor.</summary>
        None = 0,
        /// <summary><c>byte</c></summary>
        U8 = Low.GROMA_TYPE_U8,
        /// <summary><c>sbyte</c></summary>
        I8 = Low.GROMA_TYPE_I8,
        /// <summary><c>ushort</c></summary>
        U16 = Low.GROMA_TYPE_U16,
        /// <summary><c>short</c></summary>
        I16 = Low.GROMA_TYPE_I16,
        /// <summary><c>uint</c></summary>
        U32 = Low.GROMA_TYPE_U32,
        /// <summary><c>int</c></summary>
        I32 = Low.GROMA_TYPE_I32,
        /// <summary><c>ulong</c></summary>
        U64 = Low.GROMA_TYPE_U64,
        /// <summary><c>long</c></summary>
        I64 = Low.GROMA_TYPE_I64,
        /// <summary><c>float</c></summary>
        F32 = Low.GROMA_TYPE_F32,
        /// <summary><c>double</c></summary>
        F64 = Low.GROMA_TYPE_F64,
        /// <summary>One byte, 0 or 1.</summary>
        Bool = Low.GROMA_TYPE_BOOL,
        /// <summary>UTF-8 strings.</summary>
        String = Low.GROMA_TYPE_STRING,
        /// <summary>IEEE half precision, in a <c>ushort</c>.</summary>
        F16 = Low.GROMA_TYPE_F16,
        /// <summary>The upper half of a <c>float</c>, in a <c>ushort</c>.</summary>
        BF16 = Low.GROMA_TYPE_BF16,
        /// <summary>Two <c>float</c>: real, imaginary.</summary>
        C64 = Low.GROMA_TYPE_C64,
        /// <summary>Two <c>double</c>: real, imaginary.</summary>
        C128 = Low.GROMA_TYPE_C128,
        /// <summary>8 bits: 4 exponent, 3 mantissa, no infinity.</summary>
        F8E4M3FN = Low.GROMA_TYPE_F8E4M3FN,
        /// <summary>8 bits: 4 exponent, 3 mantissa, no infinity, no negative zero.</summary>
        F8E4M3FNUZ = Low.GROMA_TYPE_F8E4M3FNUZ,
        /// <summary>8 bits: 5 exponent, 2 mantissa.</summary>
        F8E5M2 = Low.GROMA_TYPE_F8E5M2,
        /// <summary>8 bits: 5 exponent, 2 mantissa, no infinity, no negative zero.</summary>
        F8E5M2FNUZ = Low.GROMA_TYPE_F8E5M2FNUZ,
        /// <summary>8 bits of exponent.</summary>
        F8E8M0 = Low.GROMA_TYPE_F8E8M0,
        /// <summary>4 bits: 2 exponent, 1 mantissa; two in a byte, the first in the low bits.</summary>
        F4E2M1 = Low.GROMA_TYPE_F4E2M1,
        /// <summary>4 bits without sign; two in a byte, the first in the low bits.</summary>
        U4 = Low.GROMA_TYPE_U4,
        /// <summary>4 bits with sign; two in a byte, the first in the low bits.</summary>
        I4 = Low.GROMA_TYPE_I4,
        /// <summary>2 bits without sign; four in a byte, the first in the low bits.</summary>
        U2 = Low.GROMA_TYPE_U2,
        /// <summary>2 bits with sign; four in a byte, the first in the low bits.</summary>
        I2 = Low.GROMA_TYPE_I2
    }

    /// <summary>What a value is.</summary>
    public enum Kind
    {
        /// <summary>An array of one element type, strings included.</summary>
        Tensor = Low.GROMA_KIND_TENSOR,
        /// <summary>A sequence of values.</summary>
        Sequence = Low.GROMA_KIND_SEQUENCE,
        /// <summary>An optional without a value.</summary>
        None = Low.GROMA_KIND_NONE,
        /// <summary>Keys and values.</summary>
        Map = Low.GROMA_KIND_MAP
    }

    /// <summary>The arrays of a <see cref="Result"/>.</summary>
    public enum Output
    {
        /// <summary>Indices into the model's classes: U8 <c>[count]</c>.</summary>
        Class = Low.GROMA_OUTPUT_CLASS,
        /// <summary>ASPRS codes: U8 <c>[count]</c>.</summary>
        Asprs = Low.GROMA_OUTPUT_ASPRS,
        /// <summary>Probabilities of the points' classes: F32 <c>[count]</c>.</summary>
        Confidence = Low.GROMA_OUTPUT_CONFIDENCE,
        /// <summary>Entropies in nats: F32 <c>[count]</c>.</summary>
        Entropy = Low.GROMA_OUTPUT_ENTROPY,
        /// <summary>All probabilities: F32 <c>[count, classes]</c>.</summary>
        Probabilities = Low.GROMA_OUTPUT_PROBABILITIES
    }

    /// <summary>How much ONNX Runtime rewrites a network before it runs.</summary>
    public enum Optimization
    {
        /// <summary>All it can.</summary>
        All = Low.GROMA_OPTIMIZATION_ALL,
        /// <summary>Nothing.</summary>
        None = Low.GROMA_OPTIMIZATION_NONE,
        /// <summary>What keeps the operators.</summary>
        Basic = Low.GROMA_OPTIMIZATION_BASIC,
        /// <summary>Fusions too.</summary>
        Extended = Low.GROMA_OPTIMIZATION_EXTENDED
    }

    /// <summary>How the members of an ensemble answer together.</summary>
    public enum Combine
    {
        /// <summary>The weighted mean of the probabilities.</summary>
        Mean = Low.GROMA_ENSEMBLE_MEAN,
        /// <summary>Weighted votes; the confidence is the share of the votes.</summary>
        Vote = Low.GROMA_ENSEMBLE_VOTE,
        /// <summary>The member whose block size is nearest to that of the call answers alone.</summary>
        Scale = Low.GROMA_ENSEMBLE_SCALE
    }

    /// <summary>From what heights above ground are measured.</summary>
    public enum Height
    {
        /// <summary>No heights.</summary>
        None = Low.GROMA_HEIGHT_NONE,
        /// <summary>The ground point nearest in plan.</summary>
        Nearest = Low.GROMA_HEIGHT_NEAREST,
        /// <summary>The 8 ground points nearest in plan, weighted by the inverse of their squared distances.</summary>
        Idw = Low.GROMA_HEIGHT_IDW,
        /// <summary>The Delaunay triangles of the ground points.</summary>
        Tin = Low.GROMA_HEIGHT_TIN
    }

    /// <summary>Which points a filter leaves.</summary>
    public enum Filter
    {
        /// <summary>Those whose mean distance to neighbours is usual.</summary>
        Statistical = Low.GROMA_FILTER_STATISTICAL,
        /// <summary>Those with enough others within a distance.</summary>
        Radius = Low.GROMA_FILTER_RADIUS,
        /// <summary>One for each occupied cube.</summary>
        Voxel = Low.GROMA_FILTER_VOXEL,
        /// <summary>Each the one farthest from those before it.</summary>
        Farthest = Low.GROMA_FILTER_FARTHEST,
        /// <summary>By chance.</summary>
        Random = Low.GROMA_FILTER_RANDOM
    }

    /// <summary>The point that stands for a voxel.</summary>
    public enum VoxelKeep
    {
        /// <summary>The mean position, with the attributes of the point nearest to it.</summary>
        Centroid = Low.GROMA_VOXEL_CENTROID,
        /// <summary>The point nearest to the centre.</summary>
        Center = Low.GROMA_VOXEL_CENTER,
        /// <summary>The first point.</summary>
        First = Low.GROMA_VOXEL_FIRST
    }

    /// <summary>The arrays of <see cref="Neighbors"/>.</summary>
    public enum NeighborsOutput
    {
        /// <summary>Where the entries of each point begin: U64 <c>[count + 1]</c>.</summary>
        Offsets = Low.GROMA_NEIGHBORS_OFFSETS,
        /// <summary>Rows of the neighbours: U32 <c>[total]</c>.</summary>
        Indices = Low.GROMA_NEIGHBORS_INDICES,
        /// <summary>Distances in metres: F32 <c>[total]</c>.</summary>
        Distances = Low.GROMA_NEIGHBORS_DISTANCES
    }

    /// <summary>The parts of a <see cref="Checkpoint"/>.</summary>
    public enum Section
    {
        /// <summary>Weights of the model.</summary>
        Weights = Low.GROMA_SECTION_WEIGHTS,
        /// <summary>State of the optimizer.</summary>
        Optimizer = Low.GROMA_SECTION_OPTIMIZER,
        /// <summary>State of the schedule.</summary>
        Scheduler = Low.GROMA_SECTION_SCHEDULER
    }

    /// <summary>How grave a message is; the later ones are the more verbose.</summary>
    public enum LogLevel
    {
        /// <summary>Something failed.</summary>
        Error = Low.GROMA_LOG_ERROR,
        /// <summary>Something is suspicious.</summary>
        Warn = Low.GROMA_LOG_WARN,
        /// <summary>What was done.</summary>
        Info = Low.GROMA_LOG_INFO,
        /// <summary>How it was done.</summary>
        Debug = Low.GROMA_LOG_DEBUG
    }
}
