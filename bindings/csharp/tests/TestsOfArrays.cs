// Tests of the native layer: columns and values.
using System;
using System.Linq;
using System.Runtime.InteropServices;
using Groma;

internal static partial class Tests
{
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Record
    {
        public byte Echo;
        public double X, Y, Z;
        public ushort Intensity;
    }

    private static void Columns()
    {
        double[] xyz = Grid();
        int n = Side * Side;
        var records = new Record[n];
        var x = new double[n];
        var y = new double[n];
        var z = new double[n];
        var steps = new int[3 * n];
        for (int i = 0; i < n; i++)
        {
            records[i] = new Record { Echo = 1, X = xyz[3 * i], Y = xyz[3 * i + 1], Z = xyz[3 * i + 2], Intensity = (ushort)i };
            x[i] = xyz[3 * i];
            y[i] = xyz[3 * i + 1];
            z[n - 1 - i] = xyz[3 * i + 2]; // backwards
            for (int axis = 0; axis < 3; axis++) steps[axis * n + i] = (int)Math.Round(xyz[3 * i + axis] * 100) - 500;
        }
        var all = new[]
        {
            Points.OfInterleaved(xyz),
            Points.OfStructs(records, "X", "Y", "Z").Add("intensity", Column.Field(records, "Intensity")),
            Points.Of(Column.Of(x), Column.Of(y), Column.Strided(z, n - 1, -1, n)),
            Points.Of(Column.Strided(steps, 0, 1, n), Column.Strided(steps, n, 1, n), Column.Strided(steps, 2 * n, 1, n))
        };
        all[3].Scale = new[] { 0.01, 0.01, 0.01 };
        all[3].Offset = new[] { 5.0, 5.0, 5.0 };
        float[] expected = null;
        foreach (Points points in all)
        {
            points.Resolution = 0.01;
            Equal(points.Count, n);
            using (Features features = Features.Compute(points, "planarity@k20, vertical_range@r1.0"))
            {
                float[] values = features.Values.ToArray();
                if (expected == null) expected = values;
                True(values.Zip(expected, (a, b) => Math.Abs(a - b)).Max() < 1e-4, "the features of " + points.CoordinateType
                    + " differ");
            }
        }
        // A column of the library's own memory.
        using (Value value = Value.Pin(x))
        using (Features features = Features.Compute(Points.Of(Column.Of(value), Column.Of(y), Column.Of(x)),
            "planarity@k20")) Equal(features.Rows, n);
        using (Features none = Features.Compute(Points.OfInterleaved(new double[0]), "planarity@k20")) Equal(none.Values.Length,
            0);
    }

    private static void ColumnsRefused()
    {
        var numbers = new double[10];
        Throws<ArgumentException>(() => Column.Strided(numbers, 0, 3, 5));
        Throws<ArgumentException>(() => Column.Strided(numbers, 2, -1, 4));
        Throws<OverflowException>(() => Column.Strided(numbers, long.MaxValue, 1, 1));
        Throws<ArgumentException>(() => Column.Of(new string[1]));
        Throws<ArgumentException>(() => Column.Of(new bool[1]));
        Throws<ArgumentException>(() => Column.Field(new Record[1], "W"));
        Throws<ArgumentException>(() => Points.OfInterleaved(numbers));
        Throws<ArgumentException>(() => Points.Of(numbers, numbers, new double[9]));
        Throws<ArgumentException>(() => Points.Of(Column.Of(numbers), Column.Of(numbers), Column.Of(new int[10])));
        Throws<ArgumentException>(() => Points.Of(numbers, numbers, numbers).Add("intensity", new ushort[9]));
        Throws<ArgumentException>(() => Model.Open("a\0b"));
        GromaException missing = Throws<GromaException>(() =>
            { using (Model model = Model.OpenDefault()) model.Classify(Points.OfInterleaved(Grid())); });
        Equal(missing.Status, Status.MissingColumn);
    }

    private static void Values()
    {
        foreach (Array array in new Array[]
        {
            new byte[] { 1, 255 }, new sbyte[] { -1, 2 }, new ushort[] { 1, 65535 }, new short[] { -1, 2 }, new uint[] { 1, 2 },
            new[] { -1, 2 }, new ulong[] { 1, ulong.MaxValue }, new long[] { -1, 2 }, new float[] { 1, 2 }, new double[] { 1, 2 }
        })
        {
            foreach (Value value in new[] { Value.Of(array, 1, 2), Value.Pin(array, 1, 2) })
            {
                using (value)
                {
                    Equal(value.ElementType, Elements.TypeOf(array));
                    Equal(value.Kind, Kind.Tensor);
                    Equal(value.Count, 2);
                    True(value.Shape.SequenceEqual(new long[] { 1, 2 }), "the shape");
                    var bytes = new byte[Buffer.ByteLength(array)];
                    Buffer.BlockCopy(array, 0, bytes, 0, bytes.Length);
                    True(value.ToArray<byte>().SequenceEqual(bytes), "the bytes of " + value.ElementType);
                }
            }
        }
        using (Value half = Value.Of(new ushort[] { 0x3c00, 0xc000 }, ElementType.F16, new long[] { 2 }))
        {
            Equal(half.ElementType, ElementType.F16);
            Equal(half.View<ushort>()[1], (ushort)0xc000);
        }
        using (Value packed = Value.Of(new byte[] { 0x21, 0x03 }, ElementType.U4, new long[] { 3 })) Equal(packed.Count, 3);
        using (Value scalar = Value.Of(new[] { 7.0 }, ElementType.F64, new long[0]))
        {
            Equal(scalar.Shape.Length, 0);
            Equal(scalar.Count, 1);
        }
        string[] words = { "", "é", "a\0b", "日本語" };
        using (Value strings = Value.OfStrings(words, 2, 2))
        {
            True(strings.ToStrings().SequenceEqual(words), "the strings");
            Equal(strings.String(4), null);
            Equal(strings.DataPointer, IntPtr.Zero);
        }
        using (Value none = Value.None()) Equal(none.Kind, Kind.None);
        using (Value none = Value.None())
        using (Value sequence = Value.Sequence(new[] { none, none }))
        {
            Equal(sequence.Count, 2);
            Equal(sequence.Kind, Kind.Sequence);
            Equal(Throws<GromaException>(() => sequence.Item(2)).Status, Status.InvalidArgument);
        }
    }

    private static void ValuesRefused()
    {
        Equal(Throws<GromaException>(() => Value.Of(new float[3], 2, 2)).Status, Status.InvalidArgument);
        Throws<ArgumentException>(() => Value.Of(new string[1]));
        using (Value floats = Value.Of(new float[] { 1 }))
        {
            Throws<InvalidOperationException>(() => floats.View<int>());
            Throws<InvalidOperationException>(() => floats.View<double>());
            Throws<InvalidOperationException>(() => floats.ToStrings());
            Throws<ArgumentException>(() => floats.View<char>());
        }
        using (Value strings = Value.OfStrings(new[] { "a" })) Throws<InvalidOperationException>(() => strings.View<byte>());
        using (Value none = Value.None()) Throws<ArgumentException>(() => Column.Of(none));
    }
}
