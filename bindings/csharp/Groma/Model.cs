// Models: what turns points into classes.
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>
    /// An opened model with its manifest, or an ensemble of models. Any number of threads may use one at the same time.
    /// </summary>
    public sealed class Model : NativeObject
    {
        private Model(ModelHandle handle) : base(handle) { }

        /// <summary>The model's file name, or <c>groma default</c>.</summary>
        public string Name { get { return Text(h => Low.groma_model_name(h)); } }

        /// <summary>Number of classes.</summary>
        public long ClassCount { get { return (long)Get(h => Low.groma_model_class_count(h)); } }

        /// <summary>Names of the classes, in their order.</summary>
        public IList<string> Classes
        {
            get
            {
                var names = new string[ClassCount];
                for (int i = 0; i < names.Length; i++) names[i] = ClassName(i);
                return names;
            }
        }

        /// <summary>The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes.</summary>
        public string ManifestJson { get { return Text(h => Low.groma_model_manifest_json(h)); } }

        /// <summary>Everything that is known about the model, as a JSON object.</summary>
        public string DescribeJson { get { return Text(h => Low.groma_model_describe_json(h)); } }

        /// <summary>
        /// Rows a call that suit the model on each of its devices, as a JSON array; a GPU is measured once, and remembered.
        /// </summary>
        public string BatchesJson()
        {
            using (var call = new Call())
            {
                IntPtr model = call.Use(this);
                return call.String((out IntPtr json, out IntPtr error) => Low.groma_model_batches_json(model, out json,
                    out error));
            }
        }

        /// <summary>Opens an ONNX file. Its manifest is in its metadata, or in <c>NAME.groma.json</c> beside it.</summary>
        /// <param name="path">the model's file</param>
        public static Model Open(string path)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path);
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) => Low.groma_model_open(file,
                    out model, out error)));
            }
        }

        /// <summary>Opens an ONNX file with options.</summary>
        /// <param name="path">the model's file</param>
        /// <param name="options">null for the defaults</param>
        public static Model Open(string path, ModelOptions options)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path), with = ModelOptions.Write(options, call);
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) => Low.groma_model_open_with(file,
                    with, out model, out error)));
            }
        }

        /// <summary>Opens a model from memory, which is copied.</summary>
        /// <param name="name">what to call it in messages</param>
        /// <param name="data">the bytes of an ONNX file</param>
        /// <param name="manifestJson">a manifest that replaces the one inside; null for that</param>
        public static Model OpenMemory(string name, byte[] data, string manifestJson = null)
        {
            using (var call = new Call())
            {
                IntPtr called = call.Text(name), bytes = call.Pin(data), manifest = call.Text(manifestJson);
                ulong size = (ulong)(data == null ? 0 : data.LongLength);
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) =>
                    Low.groma_model_open_memory(called, bytes, size, manifest, out model, out error)));
            }
        }

        /// <summary>Opens a model from memory, which is copied, with options.</summary>
        /// <param name="name">what to call it in messages</param>
        /// <param name="data">the bytes of an ONNX file</param>
        /// <param name="options">null for the defaults</param>
        public static Model OpenMemory(string name, byte[] data, ModelOptions options)
        {
            using (var call = new Call())
            {
                IntPtr called = call.Text(name), bytes = call.Pin(data), with = ModelOptions.Write(options, call);
                ulong size = (ulong)(data == null ? 0 : data.LongLength);
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) =>
                    Low.groma_model_open_memory_with(called, bytes, size, with, out model, out error)));
            }
        }

        /// <summary>Opens the default model, which is part of the library.</summary>
        public static Model OpenDefault()
        {
            using (var call = new Call())
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) =>
                    Low.groma_model_open_default(out model, out error)));
        }

        /// <summary>Opens the default model with options: a device, say.</summary>
        /// <param name="options">null for the defaults</param>
        public static Model OpenDefault(ModelOptions options)
        {
            using (var call = new Call())
            {
                IntPtr with = ModelOptions.Write(options, call);
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) =>
                    Low.groma_model_open_default_with(with, out model, out error)));
            }
        }

        /// <summary>Makes an ensemble: a model that asks others, which may be disposed afterwards.</summary>
        /// <param name="models">the members</param>
        /// <param name="weights">one a member; null for equal ones</param>
        /// <param name="combine">how they answer together</param>
        public static Model OpenEnsemble(IList<Model> models, double[] weights = null, Combine combine = Combine.Mean)
        {
            if (models == null) throw new ArgumentNullException("models");
            if (weights != null && weights.Length != models.Count) throw new ArgumentException("one weight a model");
            using (var call = new Call())
            {
                IntPtr members = call.Handles(models), shares = call.Pin(weights);
                ulong count = (ulong)models.Count;
                return new Model(call.Make<ModelHandle>((out IntPtr model, out IntPtr error) =>
                    Low.groma_model_open_ensemble(members, shares, count, (int)combine, out model, out error)));
            }
        }

        /// <summary>Name of a class; null if there is no such one.</summary>
        /// <param name="index">0 to <see cref="ClassCount"/> - 1</param>
        public string ClassName(long index) { return Text(h => Low.groma_model_class_name(h, unchecked((ulong)index))); }

        /// <summary>A value of the ONNX metadata; null if there is none under this key.</summary>
        /// <param name="key">any key</param>
        public string Metadata(string key)
        {
            using (var call = new Call())
            {
                IntPtr text = call.Text(key);
                return Text(h => Low.groma_model_metadata(h, text));
            }
        }

        /// <summary>
        /// Classifies a LAS, LAZ or COPC file. The output holds the same points in the same order with their classes replaced,
        /// and everything else as it was; it appears whole or not at all.
        /// </summary>
        /// <param name="input">the file to read</param>
        /// <param name="output">the file to write: <c>.las</c> or <c>.laz</c></param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        /// <returns>what was done</returns>
        public Summary ClassifyFile(string input, string output, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => FileClassification(call, input, output, options, token));
        }

        private Func<Summary> FileClassification(Call call, string input, string output, ClassifyOptions options,
            CancellationToken token)
        {
            IntPtr model = call.Use(this), from = call.Text(input), to = call.Text(output);
            IntPtr with = ClassifyOptions.Write(options, call, token);
            return () => new Summary(call.Make<SummaryHandle>((out IntPtr summary, out IntPtr error) =>
                Low.groma_classify_file(model, from, to, with, out summary, out error)));
        }

        /// <summary>Classifies points in memory.</summary>
        /// <param name="points">the points, with the attributes that the model needs</param>
        /// <param name="options">null for the defaults; what concerns files is ignored</param>
        /// <param name="token">stops the call</param>
        public Result Classify(Points points, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Classification(call, points, options, token));
        }

        private Func<Result> Classification(Call call, Points points, ClassifyOptions options, CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr model = call.Use(this), of = points.Write(call), with = ClassifyOptions.Write(options, call, token);
            return () => new Result(call.Make<ResultHandle>((out IntPtr result, out IntPtr error) =>
                Low.groma_classify_points(model, of, with, out result, out error)));
        }

        /// <summary>What the network says of points inside, as F32 <c>[count, width]</c>.</summary>
        /// <param name="points">the points, with the attributes that the model needs</param>
        /// <param name="tensor">name of a tensor of the network with one row a point</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public Value Embed(Points points, string tensor, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Embedding(call, points, tensor, options, token));
        }

        private Func<Value> Embedding(Call call, Points points, string tensor, ClassifyOptions options, CancellationToken token)
        {
            if (points == null) throw new ArgumentNullException("points");
            IntPtr model = call.Use(this), of = points.Write(call), name = call.Text(tensor);
            IntPtr with = ClassifyOptions.Write(options, call, token);
            return () => new Value(call.Make<ValueHandle>((out IntPtr embeddings, out IntPtr error) =>
                Low.groma_embed_points(model, of, name, with, out embeddings, out error)));
        }

        /// <summary><see cref="ClassifyFile"/> on a thread of the pool; progress is told there.</summary>
        public Task<Summary> ClassifyFileAsync(string input, string output, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => FileClassification(call, input, output, options, token), token);
        }

        /// <summary>
        /// <see cref="Classify"/> on a thread of the pool; leave the arrays as they are until it has ended.
        /// </summary>
        public Task<Result> ClassifyAsync(Points points, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Classification(call, points, options, token), token);
        }

        /// <summary><see cref="Embed"/> on a thread of the pool; leave the arrays as they are until it has ended.</summary>
        public Task<Value> EmbedAsync(Points points, string tensor, ClassifyOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Start(call => Embedding(call, points, tensor, options, token), token);
        }
    }
}
