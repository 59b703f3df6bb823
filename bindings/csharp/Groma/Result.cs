// What a model says of points, and what was done to files.
using System;

namespace Groma
{
    /// <summary>
    /// What a model says of every point, in the order of the points. It does not need the model or the points.
    /// </summary>
    public sealed class Result : NativeObject
    {
        internal Result(ResultHandle handle) : base(handle)
        {
            handle.Weigh((10 + (Probabilities == null ? 0 : 4 * ClassCount)) * Count);
        }

        /// <summary>Number of points.</summary>
        public long Count { get { return (long)Get(h => Low.groma_result_count(h)); } }

        /// <summary>Number of classes, the width of the probabilities.</summary>
        public long ClassCount { get { return (long)Get(h => Low.groma_result_class_count(h)); } }

        /// <summary>The class of each point, an index into the model's classes: <c>[count]</c>.</summary>
        public NativeArray<byte> Classes { get { return Array<byte>(h => Low.groma_result_classes(h), Count); } }

        /// <summary>The ASPRS code of each point: <c>[count]</c>.</summary>
        public NativeArray<byte> Asprs { get { return Array<byte>(h => Low.groma_result_asprs(h), Count); } }

        /// <summary>The probability of each point's class, 0…1: <c>[count]</c>.</summary>
        public NativeArray<float> Confidence { get { return Array<float>(h => Low.groma_result_confidence(h), Count); } }

        /// <summary>The entropy of each point's probabilities in nats, 0…ln(classes): <c>[count]</c>.</summary>
        public NativeArray<float> Entropy { get { return Array<float>(h => Low.groma_result_entropy(h), Count); } }

        /// <summary>
        /// All probabilities, class <c>c</c> of point <c>i</c> at <c>i * classes + c</c>; null if they were not asked for.
        /// </summary>
        public NativeArray<float> Probabilities
        {
            get { return Array<float>(h => Low.groma_result_probabilities(h), Count * ClassCount); }
        }

        /// <summary>One of the arrays as a value, which outlives this result, without a copy.</summary>
        public Value Value(Output output)
        {
            using (var call = new Call())
            {
                IntPtr result = call.Use(this);
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_result_value(result, (int)output, out value, out error)));
            }
        }

        /// <summary>One of the arrays as a DLPack view, valid until this result is disposed.</summary>
        public groma_tensor_t Tensor(Output output)
        {
            using (var call = new Call())
            {
                IntPtr result = call.Use(this);
                return call.Tensor(tensor => (out IntPtr error) => Low.groma_result_tensor(result, (int)output, tensor,
                    out error));
            }
        }

        /// <summary>The points that the model is sure of.</summary>
        /// <param name="minConfidence">0…1</param>
        public Confident Confident(float minConfidence)
        {
            using (var call = new Call())
            {
                IntPtr result = call.Use(this);
                var rows = new ValueHandle();
                try
                {
                    // The second output is taken at once, so that it has an owner whatever happens.
                    ValueHandle mask = call.Make<ValueHandle>((out IntPtr made, out IntPtr error) =>
                    {
                        IntPtr second;
                        int status = Low.groma_result_confident(result, minConfidence, out made, out second, out error);
                        if (status == Low.GROMA_STATUS_OK) rows.Take(second);
                        return status;
                    });
                    return new Confident(new Value(mask), new Value(rows));
                }
                catch
                {
                    rows.Dispose();
                    throw;
                }
            }
        }
    }

    /// <summary>Points above a confidence, at full length and as a list.</summary>
    public sealed class Confident : IDisposable
    {
        internal Confident(Value mask, Value rows)
        {
            Mask = mask;
            Rows = rows;
        }

        /// <summary>1 where the confidence is high enough, else 0: U8 <c>[count]</c>.</summary>
        public Value Mask { get; private set; }

        /// <summary>Rows of those points, ascending: U32 <c>[m]</c>.</summary>
        public Value Rows { get; private set; }

        /// <summary>Disposes both.</summary>
        public void Dispose()
        {
            Mask.Dispose();
            Rows.Dispose();
        }
    }

    /// <summary>What a call did that made a file of another.</summary>
    public sealed class Summary : NativeObject
    {
        internal Summary(SummaryHandle handle) : base(handle) { }

        /// <summary>Number of points read and written.</summary>
        public long Points { get { return (long)Get(h => Low.groma_summary_points(h)); } }

        /// <summary>Mean probability of the points' classes, 0…1; 0 where no model ran.</summary>
        public double MeanConfidence { get { return Get(h => Low.groma_summary_mean_confidence(h)); } }

        /// <summary>Wall-clock time of the whole call in seconds.</summary>
        public double TotalS { get { return Get(h => Low.groma_summary_total_s(h)); } }

        /// <summary>Everything, as a JSON object.</summary>
        public string Json { get { return Text(h => Low.groma_summary_json(h)); } }

        /// <summary>Number of points of an ASPRS class in the output; 0 for calls that do not classify.</summary>
        /// <param name="asprs">the class</param>
        public long ClassPoints(byte asprs) { return (long)Get(h => Low.groma_summary_class_points(h, asprs)); }
    }
}
