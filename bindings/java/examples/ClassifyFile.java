// Classifies a LAS or LAZ file with the default model: java ClassifyFile INPUT OUTPUT
import java.util.Locale;
import org.groma.ClassifyOptions;
import org.groma.GromaException;
import org.groma.Model;
import org.groma.Summary;

public final class ClassifyFile {
    private ClassifyFile() {}

    public static void main(String[] arguments) {
        if (arguments.length != 2) {
            System.err.println("usage: ClassifyFile INPUT OUTPUT");
            System.exit(2);
        }
        ClassifyOptions options = new ClassifyOptions().progress((stage, done, total) -> {
            System.err.print("\r" + stage + " " + done + " of " + total + "   ");
            return true; // false cancels
        });
        try (Model model = Model.openDefault(); Summary summary = model.classifyFile(arguments[0], arguments[1], options)) {
            System.err.println();
            System.out.printf(Locale.ROOT, "%d points in %.1f s, mean confidence %.2f%n", summary.points(), summary.totalS(),
                    summary.meanConfidence());
            for (int asprs = 0; asprs < 256; asprs++) {
                long points = summary.classPoints(asprs);
                if (points > 0) System.out.printf("class %3d %12d%n", asprs, points);
            }
        } catch (GromaException e) {
            System.err.println("ClassifyFile: " + e.getMessage() + " (status " + e.status().number + ")");
            System.exit(1);
        }
    }
}
