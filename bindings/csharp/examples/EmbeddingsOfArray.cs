// Asks the default model how alike points are: EmbeddingsOfArray.exe [TENSOR]
//
// TENSOR is any tensor of the model with one row a point; `relu2` is the last one before the classes. The points are a flat
// roof above flat ground, made here; the cosine of two points of the roof, and of one of each, is printed.
using System;
using System.Globalization;
using Groma;

internal static class EmbeddingsOfArray
{
    private const int Side = 60;

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double ab = 0, aa = 0, bb = 0;
        for (int i = 0; i < a.Length; i++)
        {
            ab += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }
        return aa > 0 && bb > 0 ? ab / Math.Sqrt(aa * bb) : 0;
    }

    private static int Main(string[] arguments)
    {
        var xyz = new double[3 * Side * Side];
        var single = new byte[Side * Side];
        for (int i = 0; i < single.Length; i++)
        {
            double x = 0.5 * (i % Side), y = 0.5 * (i / Side);
            bool roof = x >= 10 && x < 20 && y >= 10 && y < 20;
            xyz[3 * i] = x;
            xyz[3 * i + 1] = y;
            xyz[3 * i + 2] = 0.01 * (i * 7919 % 13) + (roof ? 6 : 0);
            single[i] = 1; // every pulse has one echo
        }
        try
        {
            Points points = Points.OfInterleaved(xyz).Add("return_number", single).Add("number_of_returns", single);
            points.Resolution = 0.01;
            using (Model model = Model.OpenDefault())
            using (Value embeddings = model.Embed(points, arguments.Length > 0 ? arguments[0] : "relu2"))
            {
                int width = (int)embeddings.Shape[1];
                ReadOnlySpan<float> all = embeddings.View<float>().Span;
                ReadOnlySpan<float> roof = all.Slice((25 * Side + 25) * width, width);
                ReadOnlySpan<float> sameRoof = all.Slice((33 * Side + 36) * width, width);
                ReadOnlySpan<float> ground = all.Slice((50 * Side + 8) * width, width);
                Console.WriteLine("{0} points, {1} numbers each", embeddings.Shape[0], width);
                Console.WriteLine(string.Format(CultureInfo.InvariantCulture, "roof and roof   {0:F4}", Cosine(roof, sameRoof)));
                Console.WriteLine(string.Format(CultureInfo.InvariantCulture, "roof and ground {0:F4}", Cosine(roof, ground)));
            }
            return 0;
        }
        catch (GromaException e)
        {
            Console.Error.WriteLine("EmbeddingsOfArray: {0} (status {1})", e.Message, (int)e.Status);
            return 1;
        }
    }
}
