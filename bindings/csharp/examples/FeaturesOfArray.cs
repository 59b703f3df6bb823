// Computes features of points that a program holds as an array of structs: FeaturesOfArray.exe [SCHEMA]
//
// The points are a flat roof above flat ground, made here; of each column the smallest, mean and largest value are printed.
using System;
using System.Globalization;
using Groma;

internal static class FeaturesOfArray
{
    private struct Point
    {
        public double X, Y, Z;
    }

    private static Point[] Scene()
    {
        const int side = 60;
        var points = new Point[side * side];
        for (int i = 0; i < points.Length; i++)
        {
            double x = 0.5 * (i % side), y = 0.5 * (i / side);
            bool roof = x >= 10 && x < 20 && y >= 10 && y < 20;
            points[i] = new Point { X = x, Y = y, Z = 0.01 * (i * 7919 % 13) + (roof ? 6 : 0) };
        }
        return points;
    }

    private static int Main(string[] arguments)
    {
        string schema = arguments.Length > 0 ? arguments[0] : "planarity@k20, normal_z@k20, vertical_range@r1.0";
        try
        {
            Points points = Points.OfStructs(Scene(), "X", "Y", "Z"); // read where they are, without a copy
            points.Resolution = 0.01; // of the data; nothing moves
            using (Features features = Features.Compute(points, schema))
            {
                ReadOnlySpan<float> values = features.Values.Span;
                int columns = (int)features.Columns;
                for (int column = 0; column < columns; column++)
                {
                    double least = double.MaxValue, most = double.MinValue, sum = 0;
                    for (int i = column; i < values.Length; i += columns)
                    {
                        least = Math.Min(least, values[i]);
                        most = Math.Max(most, values[i]);
                        sum += values[i];
                    }
                    Console.WriteLine(string.Format(CultureInfo.InvariantCulture, "{0} {1:F6} {2:F6} {3:F6}",
                        features.ColumnName(column), least, sum / features.Rows, most));
                }
            }
            return 0;
        }
        catch (GromaException e)
        {
            Console.Error.WriteLine("FeaturesOfArray: {0} (status {1})", e.Message, (int)e.Status);
            return 1;
        }
    }
}
