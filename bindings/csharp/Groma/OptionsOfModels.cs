// Options of models and networks. A new object holds the defaults of the library.
using System;
using System.Collections.Generic;
using System.Threading;

namespace Groma
{
    /// <summary>How to open a model.</summary>
    public sealed class ModelOptions
    {
        private groma_model_options_t raw = Native.Defaults<groma_model_options_t>((p, n) => Low.groma_model_options_init(p, n));

        /// <summary>A manifest that replaces the one of the file; null (the default) for that.</summary>
        public string ManifestJson { get; set; }

        /// <summary>
        /// Path of a safetensors file whose weights replace those of the model; null (the default) for none.
        /// </summary>
        public string Checkpoint { get; set; }

        /// <summary>Where the model runs: <c>auto</c> or <c>cpu</c>; null (the default) for <c>auto</c>.</summary>
        public string Device { get; set; }

        internal static IntPtr Write(ModelOptions options, Call call)
        {
            if (options == null) return IntPtr.Zero;
            var raw = options.raw;
            raw.manifest_json = call.Text(options.ManifestJson);
            raw.checkpoint = call.Text(options.Checkpoint);
            raw.device = call.Text(options.Device);
            return call.Struct(raw);
        }
    }

    /// <summary>How to open a network.</summary>
    public sealed class NetworkOptions
    {
        private groma_network_options_t raw = Native.Defaults<groma_network_options_t>((p, n) =>
            Low.groma_network_options_init(p, n));

        /// <summary>Threads of one run; the default is the library's.</summary>
        public int Threads { get { return (int)raw.threads; } set { raw.threads = checked((uint)value); } }

        /// <summary>How much the network is rewritten before it runs. Default <see cref="Groma.Optimization.All"/>.</summary>
        public Optimization Optimization { get { return (Optimization)raw.optimization; } set { raw.optimization = (int)value; } }

        /// <summary>Where the network runs: <c>auto</c> or <c>cpu</c>; null (the default) for <c>auto</c>.</summary>
        public string Device { get; set; }

        /// <summary>
        /// Path of a safetensors file whose weights replace those of the network; null (the default) for none.
        /// </summary>
        public string Checkpoint { get; set; }

        /// <summary>Names of intermediate tensors that become outputs too; null (the default) for none.</summary>
        public IList<string> ExtraOutputs { get; set; }

        internal static IntPtr Write(NetworkOptions options, Call call)
        {
            if (options == null) return IntPtr.Zero;
            var raw = options.raw;
            raw.device = call.Text(options.Device);
            raw.checkpoint = call.Text(options.Checkpoint);
            raw.extra_outputs = call.Texts(options.ExtraOutputs);
            raw.extra_output_count = (ulong)(options.ExtraOutputs == null ? 0 : options.ExtraOutputs.Count);
            return call.Struct(raw);
        }
    }

    /// <summary>How to run a network: only what all long calls have.</summary>
    public sealed class NetworkRunOptions : LongOptions
    {
        private groma_network_run_options_t raw = Native.Defaults<groma_network_run_options_t>((p, n) =>
            Low.groma_network_run_options_init(p, n));

        internal static IntPtr Write(NetworkRunOptions options, Call call, CancellationToken token)
        {
            call.Watch(options, token);
            // Without a flag and a callback a run costs least.
            if (call.CancelPointer == IntPtr.Zero && call.ProgressPointer == IntPtr.Zero) return IntPtr.Zero;
            var raw = (options ?? new NetworkRunOptions()).raw;
            raw.cancel = call.CancelPointer;
            raw.progress = call.ProgressPointer;
            return call.Struct(raw);
        }
    }
}
