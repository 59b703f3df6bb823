// Classifies a LAS or LAZ file with the default model: ClassifyFile.exe INPUT OUTPUT
using System;
using Groma;

internal static class ClassifyFile
{
    private static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: ClassifyFile INPUT OUTPUT");
            return 2;
        }
        var options = new ClassifyOptions
        {
            Progress = (stage, done, total) =>
            {
                Console.Error.Write("\r{0} {1} of {2}   ", stage, done, total);
                return true; // false cancels
            }
        };
        try
        {
            using (Model model = Model.OpenDefault())
            using (Summary summary = model.ClassifyFile(arguments[0], arguments[1], options))
            {
                Console.Error.WriteLine();
                Console.WriteLine("{0} points in {1:F1} s, mean confidence {2:F2}", summary.Points, summary.TotalS,
                    summary.MeanConfidence);
                for (int asprs = 0; asprs < 256; asprs++)
                {
                    long points = summary.ClassPoints((byte)asprs);
                    if (points > 0) Console.WriteLine("class {0,3} {1,12}", asprs, points);
                }
            }
            return 0;
        }
        catch (GromaException e)
        {
            Console.Error.WriteLine("ClassifyFile: {0} (status {1})", e.Message, (int)e.Status);
            return 1;
        }
    }
}
