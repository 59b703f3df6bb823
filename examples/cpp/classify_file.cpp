/// Classifies a LAS, LAZ or COPC file with the default model: classify_file INPUT OUTPUT
///
///   c++ -std=c++17 -Iinclude examples/cpp/classify_file.cpp -Ltarget/release -lgroma -Wl,-rpath,$PWD/target/release
#include <cstdio>
#include <groma.hpp>

int main(int argc, char **argv) {
    if (argc != 3) {
        std::fprintf(stderr, "usage: classify_file INPUT OUTPUT\n");
        return 2;
    }
    try {
        const auto model = groma::Model::open_default();
        groma::ClassifyOptions options;
        // Called on this thread about every 50 ms; false would cancel.
        options.progress = [](groma::Stage stage, std::uint64_t done, std::uint64_t total) {
            static const char *const names[] = {"start", "read", "ground", "features", "inference", "write"};
            const auto index = static_cast<std::size_t>(stage);
            const char *name = index < std::size(names) ? names[index] : "work";
            std::fprintf(stderr, "\r%-10s %3.0f %%", name, total ? 100.0 * static_cast<double>(done) / static_cast<double>(total) : 0.0);
            return true;
        };
        const auto summary = groma::classify_file(model, argv[1], argv[2], options);
        std::fprintf(stderr, "\n");
        std::printf("%llu points in %.1f s, mean confidence %.3f\n", static_cast<unsigned long long>(summary.points()),
                    summary.total_s(), summary.mean_confidence());
        for (int asprs = 0; asprs < 256; asprs++) {
            const auto points = summary.class_points(static_cast<std::uint8_t>(asprs));
            if (points > 0) std::printf("class %3d %12llu\n", asprs, static_cast<unsigned long long>(points));
        }
    } catch (const groma::Error &error) {
        std::fprintf(stderr, "\nclassify_file: %s (status %d)\n", error.what(), static_cast<int>(error.status()));
        return 1;
    }
}
