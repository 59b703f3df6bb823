// Asks the default model how alike points are: java EmbeddingsOfArray [TENSOR]
//
// TENSOR is any tensor of the model with one row a point; `relu2` is the last one before the classes. The points are a flat
// roof above flat ground, made here; the cosine of two points of the roof, and of one of each, is printed.
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Locale;
import org.groma.Column;
import org.groma.GromaException;
import org.groma.Model;
import org.groma.Points;
import org.groma.Value;

public final class EmbeddingsOfArray {
    private static final int SIDE = 60;

    private EmbeddingsOfArray() {}

    private static double cosine(FloatBuffer all, int width, int one, int other) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < width; i++) {
            double a = all.get(one * width + i);
            double b = all.get(other * width + i);
            ab += a * b;
            aa += a * a;
            bb += b * b;
        }
        return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
    }

    public static void main(String[] arguments) {
        double[] xyz = new double[3 * SIDE * SIDE];
        for (int i = 0; i < SIDE * SIDE; i++) {
            double x = 0.5 * (i % SIDE);
            double y = 0.5 * (i / SIDE);
            boolean roof = x >= 10 && x < 20 && y >= 10 && y < 20;
            xyz[3 * i] = x;
            xyz[3 * i + 1] = y;
            xyz[3 * i + 2] = 0.01 * (i * 7919 % 13) + (roof ? 6 : 0);
        }
        byte[] ones = new byte[SIDE * SIDE];
        Arrays.fill(ones, (byte) 1); // every pulse has one echo
        Column single = Column.of(ones);
        Points points = Points.ofInterleaved(xyz).resolution(0.01).add("return_number", single).add("number_of_returns", single);
        try (Model model = Model.openDefault();
                Value embeddings = model.embed(points, arguments.length > 0 ? arguments[0] : "relu2", null)) {
            int width = (int) embeddings.shape()[1];
            FloatBuffer all = embeddings.floats();
            int roof = 25 * SIDE + 25;
            System.out.printf("%d points, %d numbers each%n", embeddings.shape()[0], width);
            System.out.printf(Locale.ROOT, "roof and roof   %.4f%n", cosine(all, width, roof, 33 * SIDE + 36));
            System.out.printf(Locale.ROOT, "roof and ground %.4f%n", cosine(all, width, roof, 50 * SIDE + 8));
        } catch (GromaException e) {
            System.err.println("EmbeddingsOfArray: " + e.getMessage() + " (status " + e.status().number + ")");
            System.exit(1);
        }
    }
}
