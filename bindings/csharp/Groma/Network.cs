// Networks: any ONNX model, named values in and out.
using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;

namespace Groma
{
    /// <summary>Any ONNX model. Any number of threads may run one at the same time.</summary>
    public sealed class Network : NativeObject
    {
        private Network(NetworkHandle handle) : base(handle) { }

        /// <summary>The file's name, or the one it was given.</summary>
        public string Name { get { return Text(h => Low.groma_network_name(h)); } }

        /// <summary>Number of inputs.</summary>
        public long InputCount { get { return (long)Get(h => Low.groma_network_input_count(h)); } }

        /// <summary>Number of outputs.</summary>
        public long OutputCount { get { return (long)Get(h => Low.groma_network_output_count(h)); } }

        /// <summary>Names of the inputs.</summary>
        public IList<string> InputNames { get { return Names(InputCount, InputName); } }

        /// <summary>Names of the outputs, those asked for as extra ones last.</summary>
        public IList<string> OutputNames { get { return Names(OutputCount, OutputName); } }

        /// <summary>
        /// Inputs, outputs, metadata, operator sets, intermediate tensors and initializers, as a JSON object.
        /// </summary>
        public string DescribeJson { get { return Text(h => Low.groma_network_describe_json(h)); } }

        /// <summary>Opens an ONNX file.</summary>
        /// <param name="path">the file</param>
        /// <param name="options">null for the defaults</param>
        public static Network Open(string path, NetworkOptions options = null)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path), with = NetworkOptions.Write(options, call);
                return new Network(call.Make<NetworkHandle>((out IntPtr network, out IntPtr error) =>
                    Low.groma_network_open(file, with, out network, out error)));
            }
        }

        /// <summary>Opens an ONNX model from memory, which is copied.</summary>
        /// <param name="name">what to call it in messages</param>
        /// <param name="data">the bytes of an ONNX file</param>
        /// <param name="options">null for the defaults</param>
        public static Network OpenMemory(string name, byte[] data, NetworkOptions options = null)
        {
            using (var call = new Call())
            {
                IntPtr called = call.Text(name), bytes = call.Pin(data), with = NetworkOptions.Write(options, call);
                ulong size = (ulong)(data == null ? 0 : data.LongLength);
                return new Network(call.Make<NetworkHandle>((out IntPtr network, out IntPtr error) =>
                    Low.groma_network_open_memory(called, bytes, size, with, out network, out error)));
            }
        }

        /// <summary>Name of an input; null if there is no such one.</summary>
        public string InputName(long index) { return Text(h => Low.groma_network_input_name(h, unchecked((ulong)index))); }

        /// <summary>Name of an output; null if there is no such one.</summary>
        public string OutputName(long index) { return Text(h => Low.groma_network_output_name(h, unchecked((ulong)index))); }

        /// <summary>A value of the ONNX metadata; null if there is none under this key.</summary>
        public string Metadata(string key)
        {
            using (var call = new Call())
            {
                IntPtr text = call.Text(key);
                return Text(h => Low.groma_network_metadata(h, text));
            }
        }

        /// <summary>Runs the network.</summary>
        /// <param name="inputs">a value for each input; optional ones may be left out</param>
        /// <param name="outputs">names of the outputs wanted; null for all</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public Outputs Run(IDictionary<string, Value> inputs, IList<string> outputs = null, NetworkRunOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            if (inputs == null) throw new ArgumentNullException("inputs");
            return Run(inputs.Keys.ToArray(), inputs.Values.ToArray(), outputs, options, token);
        }

        /// <summary>Runs the network.</summary>
        /// <param name="names">names of inputs</param>
        /// <param name="values">their values, in the same order</param>
        /// <param name="outputs">names of the outputs wanted; null for all</param>
        /// <param name="options">null for the defaults</param>
        /// <param name="token">stops the call</param>
        public Outputs Run(IList<string> names, IList<Value> values, IList<string> outputs = null, NetworkRunOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            return Call.Run(call => Running(call, names, values, outputs, options, token));
        }

        private Func<Outputs> Running(Call call, IList<string> names, IList<Value> values, IList<string> outputs,
            NetworkRunOptions options, CancellationToken token)
        {
            if (names == null || values == null) throw new ArgumentNullException("names");
            if (names.Count != values.Count) throw new ArgumentException("one value a name");
            IntPtr network = call.Use(this), called = call.Texts(names), given = call.Handles(values);
            IntPtr wanted = call.Texts(outputs), with = NetworkRunOptions.Write(options, call, token);
            ulong count = (ulong)names.Count, wantedCount = (ulong)(outputs == null ? 0 : outputs.Count);
            string[] outputNames = (outputs ?? OutputNames).ToArray(); // asked now: the network may be disposed meanwhile
            return () =>
            {
                var made = call.Make<ValueHandle>((out IntPtr sequence, out IntPtr error) =>
                    Low.groma_network_run(network, called, given, count, wanted, wantedCount, with, out sequence, out error));
                using (var sequence = new Value(made)) return new Outputs(outputNames, sequence);
            };
        }

        /// <summary>
        /// <see cref="Network.Run(IDictionary{string, Value}, IList{string}, NetworkRunOptions, CancellationToken)"/> on a thread of the
        /// pool.
        /// </summary>
        public Task<Outputs> RunAsync(IDictionary<string, Value> inputs, IList<string> outputs = null, NetworkRunOptions options = null,
            CancellationToken token = default(CancellationToken))
        {
            if (inputs == null) throw new ArgumentNullException("inputs");
            Value[] values = inputs.Values.ToArray();
            return Call.Start(call => Running(call, inputs.Keys.ToArray(), values, outputs, options, token), token);
        }

        private static string[] Names(long count, Func<long, string> name)
        {
            var names = new string[count];
            for (int i = 0; i < names.Length; i++) names[i] = name(i);
            return names;
        }
    }

    /// <summary>What a run gives: values by name, in the order they were asked for.</summary>
    public sealed class Outputs : IReadOnlyDictionary<string, Value>, IDisposable
    {
        private readonly IList<string> names;
        private readonly Value[] values;

        internal Outputs(IList<string> names, Value sequence)
        {
            this.names = names;
            values = new Value[names.Count];
            for (int i = 0; i < values.Length; i++) values[i] = sequence.Item(i);
        }

        /// <summary>Number of outputs.</summary>
        public int Count { get { return values.Length; } }

        /// <summary>Their names.</summary>
        public IEnumerable<string> Keys { get { return names; } }

        /// <summary>Their values.</summary>
        public IEnumerable<Value> Values { get { return values; } }

        /// <summary>The value of an output.</summary>
        /// <exception cref="KeyNotFoundException">it was not asked for</exception>
        public Value this[string name]
        {
            get
            {
                Value value;
                if (TryGetValue(name, out value)) return value;
                throw new KeyNotFoundException("no output “" + name + "”; there are: " + string.Join(", ", names));
            }
        }

        /// <summary>The value of an output by its place.</summary>
        public Value this[int index] { get { return values[index]; } }

        /// <summary>Whether an output of this name was asked for.</summary>
        public bool ContainsKey(string name) { return names.Contains(name); }

        /// <summary>The value of an output, if there is such one.</summary>
        public bool TryGetValue(string name, out Value value)
        {
            int index = names.IndexOf(name);
            value = index < 0 ? null : values[index];
            return index >= 0;
        }

        /// <summary>Goes through the outputs.</summary>
        public IEnumerator<KeyValuePair<string, Value>> GetEnumerator()
        {
            for (int i = 0; i < values.Length; i++) yield return new KeyValuePair<string, Value>(names[i], values[i]);
        }

        IEnumerator IEnumerable.GetEnumerator() { return GetEnumerator(); }

        /// <summary>Disposes the values.</summary>
        public void Dispose()
        {
            foreach (Value value in values) value.Dispose();
        }
    }
}
