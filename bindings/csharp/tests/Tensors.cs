// Tensors of vector cases: safetensors files, and comparison.
using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;
using System.Text;
using Groma;
using Newtonsoft.Json.Linq;

/// <summary>A tensor with its bytes, as a case holds it.</summary>
internal sealed class Tensor
{
    public string Type;
    public long[] Shape; // null where only the number of elements is known
    public byte[] Bytes;

    private static readonly string[] Names =
    {
        null, "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F32", "F64", "BOOL", null, "F16", "BF16"
    };

    public long Count { get { return Bytes.Length / Math.Max(1, Elements.Size(ElementType)); } }

    public ElementType ElementType
    {
        get
        {
            int number = Array.IndexOf(Names, Type, 1);
            if (number < 0) throw new Failed("element type " + Type + " is not one of cases");
            return (ElementType)number;
        }
    }

    public static string Name(ElementType type)
    {
        return (int)type < Names.Length && Names[(int)type] != null ? Names[(int)type] : "U8";
    }

    /// <summary>The tensors of a safetensors file; none if there is no such file.</summary>
    public static Dictionary<string, Tensor> Read(string path)
    {
        var tensors = new Dictionary<string, Tensor>();
        if (!File.Exists(path)) return tensors;
        byte[] all = File.ReadAllBytes(path);
        int start = checked((int)BitConverter.ToInt64(all, 0)) + 8;
        foreach (var entry in JObject.Parse(Encoding.UTF8.GetString(all, 8, start - 8)))
        {
            if (entry.Key == "__metadata__") continue;
            long first = (long)entry.Value["data_offsets"][0], end = (long)entry.Value["data_offsets"][1];
            var tensor = new Tensor { Type = (string)entry.Value["dtype"], Shape = entry.Value["shape"].Select(n =>
                (long)n).ToArray() };
            tensor.Bytes = new byte[end - first];
            Array.Copy(all, start + first, tensor.Bytes, 0, tensor.Bytes.LongLength);
            tensors[entry.Key] = tensor;
        }
        return tensors;
    }

    public static Tensor Of<T>(NativeArray<T> array) where T : struct
    {
        byte[] bytes = MemoryMarshal.AsBytes(array.Span).ToArray();
        GC.KeepAlive(array);
        return new Tensor { Type = Name(Elements.TypeOf(typeof(T))), Bytes = bytes };
    }

    public static Tensor Of(Value value)
    {
        return new Tensor { Type = Name(value.ElementType), Shape = value.Shape, Bytes = value.ToArray<byte>() };
    }

    /// <summary>What a DLPack view shows.</summary>
    public static Tensor Of(groma_tensor_t view)
    {
        if (view.byte_offset != 0 || view.strides != IntPtr.Zero) throw new Failed("a view with strides or an offset");
        var shape = new long[view.ndim];
        if (shape.Length > 0) Marshal.Copy(view.shape, shape, 0, shape.Length);
        long count = shape.Aggregate(1L, (product, size) => product * size);
        string kind = view.dtype.code == 0 ? "I" : view.dtype.code == 1 ? "U" : view.dtype.code == 2 ? "F"
            : view.dtype.code == 4 ? "BF" : null;
        string type = view.dtype.code == Low.GROMA_DTYPE_BOOL ? "BOOL" : kind == null ? "U8" : kind + view.dtype.bits;
        var bytes = new byte[(count * view.dtype.bits * view.dtype.lanes + 7) / 8];
        if (bytes.Length > 0) Marshal.Copy(view.data, bytes, 0, bytes.Length);
        return new Tensor { Type = type, Shape = shape, Bytes = bytes };
    }

    /// <summary>The elements as an array of numbers, 16-bit floats as ushort and booleans as byte.</summary>
    public Array ToArray()
    {
        Array array;
        switch (Type)
        {
            case "I8": array = new sbyte[Count]; break;
            case "U16": case "F16": case "BF16": array = new ushort[Count]; break;
            case "I16": array = new short[Count]; break;
            case "U32": array = new uint[Count]; break;
            case "I32": array = new int[Count]; break;
            case "U64": array = new ulong[Count]; break;
            case "I64": array = new long[Count]; break;
            case "F32": array = new float[Count]; break;
            case "F64": array = new double[Count]; break;
            default: array = new byte[Count]; break;
        }
        Buffer.BlockCopy(Bytes, 0, array, 0, Bytes.Length);
        return array;
    }

    /// <summary>Fails unless this is what was expected.</summary>
    public void Compare(Tensor expected, double tolerance)
    {
        if (Type != expected.Type) throw new Failed("elements are " + Type + ", expected " + expected.Type);
        if (Shape != null && !Shape.SequenceEqual(expected.Shape))
            throw new Failed("the shape is [" + string.Join(", ", Shape) + "], expected [" + string.Join(", ", expected.Shape)
                + "]");
        if (Bytes.Length != expected.Bytes.Length) throw new Failed(Count + " elements, expected " + expected.Count);
        if (tolerance == 0)
        {
            for (int i = 0; i < Bytes.Length; i++)
                if (Bytes[i] != expected.Bytes[i]) throw new Failed("byte " + i + " is " + Bytes[i] + ", expected "
                    + expected.Bytes[i]);
            return;
        }
        Array mine = ToArray(), theirs = expected.ToArray();
        for (long i = 0; i < mine.LongLength; i++)
        {
            double a = Convert.ToDouble(mine.GetValue(i)), b = Convert.ToDouble(theirs.GetValue(i));
            bool equal = a == b || (double.IsNaN(a) && double.IsNaN(b)) || Math.Abs(a - b) <= tolerance;
            if (!equal) throw new Failed("element " + i + " is " + a + ", expected " + b);
        }
    }
}

/// <summary>A step was not as its case says.</summary>
internal sealed class Failed : Exception
{
    public Failed(string message) : base(message) { }
}
