// Checkpoints: weights and states of training in safetensors files.
using System;
using System.Collections.Generic;

namespace Groma
{
    /// <summary>Named tensors in three sections, with metadata. Only one thread at a time may add.</summary>
    public sealed class Checkpoint : NativeObject
    {
        private Checkpoint(CheckpointHandle handle) : base(handle) { }

        /// <summary>Makes an empty checkpoint.</summary>
        /// <param name="metadataJson">
        /// a JSON object with <c>schema_hash</c>, <c>classes</c>, <c>training_data</c>, <c>version</c>, <c>step</c>, <c>extra</c>;
        /// null for none
        /// </param>
        public Checkpoint(string metadataJson = null) : base(Create(metadataJson)) { }

        /// <summary>The metadata as a JSON object.</summary>
        public string MetadataJson { get { return Text(h => Low.groma_checkpoint_metadata_json(h)); } }

        /// <summary>Opens a safetensors file.</summary>
        /// <param name="path">the file</param>
        public static Checkpoint Open(string path)
        {
            using (var call = new Call())
            {
                IntPtr file = call.Text(path);
                return new Checkpoint(call.Make<CheckpointHandle>((out IntPtr checkpoint, out IntPtr error) =>
                    Low.groma_checkpoint_open(file, out checkpoint, out error)));
            }
        }

        /// <summary>Adds a tensor, which may be disposed afterwards.</summary>
        /// <param name="section">where</param>
        /// <param name="name">its name there</param>
        /// <param name="value">a tensor</param>
        public void Add(Section section, string name, Value value)
        {
            using (var call = new Call())
            {
                IntPtr checkpoint = call.Use(this), called = call.Text(name), of = call.Use(value);
                call.Do((out IntPtr error) => Low.groma_checkpoint_add(checkpoint, (int)section, called, of, out error));
            }
        }

        /// <summary>Writes a safetensors file, which appears whole or not at all.</summary>
        /// <param name="path">the file</param>
        /// <param name="overwrite">whether it may replace one</param>
        public void Save(string path, bool overwrite = false)
        {
            using (var call = new Call())
            {
                IntPtr checkpoint = call.Use(this), file = call.Text(path);
                call.Do((out IntPtr error) => Low.groma_checkpoint_save(checkpoint, file, overwrite ? 1 : 0, out error));
            }
        }

        /// <summary>Number of tensors of a section.</summary>
        public long Count(Section section) { return (long)Get(h => Low.groma_checkpoint_count(h, (int)section)); }

        /// <summary>Name of a tensor; null if there is no such one.</summary>
        /// <param name="section">where</param>
        /// <param name="index">0 to <see cref="Count"/> - 1</param>
        public string Name(Section section, long index)
        {
            return Text(h => Low.groma_checkpoint_name(h, (int)section, unchecked((ulong)index)));
        }

        /// <summary>Names of the tensors of a section.</summary>
        public IList<string> Names(Section section)
        {
            var names = new string[Count(section)];
            for (int i = 0; i < names.Length; i++) names[i] = Name(section, i);
            return names;
        }

        /// <summary>A tensor.</summary>
        /// <param name="section">where</param>
        /// <param name="name">its name there</param>
        public Value Value(Section section, string name)
        {
            using (var call = new Call())
            {
                IntPtr checkpoint = call.Use(this), called = call.Text(name);
                return new Value(call.Make<ValueHandle>((out IntPtr value, out IntPtr error) =>
                    Low.groma_checkpoint_value(checkpoint, (int)section, called, out value, out error)));
            }
        }

        private static CheckpointHandle Create(string metadataJson)
        {
            using (var call = new Call())
            {
                IntPtr metadata = call.Text(metadataJson);
                return call.Make<CheckpointHandle>((out IntPtr checkpoint, out IntPtr error) =>
                    Low.groma_checkpoint_create(metadata, out checkpoint, out error));
            }
        }
    }
}
