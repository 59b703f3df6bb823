// Computes features of points that a program holds as records in a buffer: java FeaturesOfArray [SCHEMA]
//
// The points are a flat roof above flat ground, made here; of each column the smallest, mean and largest value are printed.
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Locale;
import org.groma.Features;
import org.groma.GromaException;
import org.groma.Points;

public final class FeaturesOfArray {
    private FeaturesOfArray() {}

    private static ByteBuffer scene() {
        int side = 60;
        ByteBuffer points = ByteBuffer.allocateDirect(24 * side * side).order(ByteOrder.nativeOrder());
        for (int i = 0; i < side * side; i++) {
            double x = 0.5 * (i % side);
            double y = 0.5 * (i / side);
            boolean roof = x >= 10 && x < 20 && y >= 10 && y < 20;
            points.putDouble(x).putDouble(y).putDouble(0.01 * (i * 7919 % 13) + (roof ? 6 : 0));
        }
        return points.flip();
    }

    public static void main(String[] arguments) {
        String schema = arguments.length > 0 ? arguments[0] : "planarity@k20, normal_z@k20, vertical_range@r1.0";
        Points points = Points.ofInterleaved(scene()); // a direct buffer is read where it is
        points.resolution(0.01); // of the data; nothing moves
        try (Features features = Features.compute(points, schema)) {
            FloatBuffer values = features.values();
            int columns = (int) features.columns();
            for (int column = 0; column < columns; column++) {
                double least = Double.MAX_VALUE;
                double most = -Double.MAX_VALUE;
                double sum = 0;
                for (int i = column; i < values.limit(); i += columns) {
                    least = Math.min(least, values.get(i));
                    most = Math.max(most, values.get(i));
                    sum += values.get(i);
                }
                System.out.printf(Locale.ROOT, "%s %.6f %.6f %.6f%n", features.columnName(column), least, sum / features.rows(),
                        most);
            }
        } catch (GromaException e) {
            System.err.println("FeaturesOfArray: " + e.getMessage() + " (status " + e.status().number + ")");
            System.exit(1);
        }
    }
}
