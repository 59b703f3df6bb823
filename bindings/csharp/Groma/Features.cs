// Features: the numbers that models read.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>A matrix of features, one row a point.</summary>
    public sealed class Features : NativeObject
    {
        private Features(FeaturesHandle handle) : base(handle) { handle.Weigh(4 * Rows * Columns); }

        /// <summary>Number of rows: points.</summary>
        public long Rows { get { return (long)Get(h => Low.groma_features_rows(h)); } }

        /// <summary>Number of columns.</summary>
        public long Columns { get { return (long)Get(h => Low.groma_features_columns(h)); } }

        /// <summary>Names of the columns.</summary>
        public IList<string> ColumnNames
        {
            get
            {
                var names = new string[Columns];
                for (int i = 0; i < names.Length; i++) names[i] = ColumnName(i);
                return names;
            }
        }

        /// <summary>The values <c>[rows, columns]</c>, column <c>c</c> of point <c>i</c> at <c>i * columns + c</c>.</summary>
        public NativeArray<float> Values { get { return Array<float>(h => Low.groma_features_values(h), Rows * Columns); } }

        /// <summary>SHA-256 of the schema in hexadecimal: equal hashes mean equal columns.</summary>
        public string SchemaHash { get { return Text(h => Low.groma_features_schema_hash(h)); } }

        /// <summary>The schema as a JSON object, which <see cref="Compute"/> takes again.</summary>
        public string SchemaJson { get { return Text(h => Low.groma_features_schema_json(h)); } }

        /// <summary>Computes features of points in memory.</summary>
        /// <param name="points">the points, with the attributes that the features need</param>
        /// <param name="schema">names of columns and sets separated by commas (<c>lod2</c>), or a JSON object</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Features Compute(Points points, string schema, FeaturesOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Computation(call, points, schema, options, token));
        }

        private static Func<Features> Computation(Call call, Points points, string schema, FeaturesOptions options,
            CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr of = points.Write(call), what = call.Text(schema), with = FeaturesOptions.Write(options, call, token);
            return () => new Features(call.Make<FeaturesHandle>((out IntPtr features, out IntPtr error) =>
                Low.groma_features_compute(of, what, with, out features, out error)));
        }

        /// <summary>Computes features of a LAS, LAZ or COPC file and writes them to another.</summary>
        /// <param name="schema">what to compute</param>
        /// <param name="input">the file to read</param>
        /// <param name="output">
        /// the file to write: <c>.laz</c> or <c>.las</c> for the same points with one dimension a column, <c>.safetensors</c> or
        /// <c>.npy</c> for a matrix; it appears whole or not at all
        /// </param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public static Summary WriteFile(string schema, string input, string output, FeaturesFileOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => FileComputation(call, schema, input, output, options, token));
        }

        private static Func<Summary> FileComputation(Call call, string schema, string input, string output,
            FeaturesFileOptions options, CancellationToken token)
        {
            IntPtr what = call.Text(schema), from = call.Text(input), to = call.Text(output);
            IntPtr with = FeaturesFileOptions.Write(options, call, token);
            return () => new Summary(call.Make<SummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_features_file(what, from, to, with, out summary, out error)));
        }

        /// <summary>
        /// Columns of a schema with their definitions, its hash, what it needs and how far it sees, as a JSON object.
        /// </summary>
        /// <param name="schema">as for <see cref="Compute"/></param>
        public static string DescribeSchema(string schema)
        {
            using (var call = new Call())
            {
                IntPtr text = call.Text(schema);
                return call.String((out IntPtr json, out IntPtr error) => Low.groma_schema_describe(text, out json, out error));
            }
        }

        /// <summary>Name of a column; null if there is no such one.</summary>
        /// <param name="index">0 to <see cref="Columns"/> - 1</param>
        public string ColumnName(long index) { return Text(h => Low.groma_features_column_name(h, unchecked((ulong)index))); }

        /// <summary>The values as a value, which outlives this object, without a copy: F32 <c>[rows, columns]</c>.</summary>
        public Value Value()
        {
            using (var call = new Call())
            {
                IntPtr features = call.Use(this);
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_features_value(features, out value, out error)));
            }
        }

        /// <summary>The values as a DLPack view, valid until this object is disposed.</summary>
        public groma_tensor_t Tensor()
        {
            using (var call = new Call())
            {
                IntPtr features = call.Use(this);
                return call.Tensor(tensor => (out IntPtr error) => Low.groma_features_tensor(features, tensor, out error));
            }
        }

        /// <summary><see cref="Compute"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public static Task<Features> ComputeAsync(Points points, string schema, FeaturesOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Computation(call, points, schema, options, token), token);
        }

        /// <summary><see cref="WriteFile"/> on a thread of the pool.</summary>
        public static Task<Summary> WriteFileAsync(string schema, string input, string output,
            FeaturesFileOptions options = null, CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => FileComputation(call, schema, input, output, options, token), token);
        }
    }
}
