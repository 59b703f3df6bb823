// The k nearest neighbours of every point by nanoflann: f32, static tree, one thread a core.
//     nanoflann_knn CLOUD.npy K       CLOUD.npy holds f64 x, y, z, row-major
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nanoflann.hpp>
#include <vector>

struct Cloud {
    std::vector<float> xyz;
    size_t kdtree_get_point_count() const { return xyz.size() / 3; }
    float kdtree_get_pt(size_t point, size_t axis) const { return xyz[3 * point + axis]; }
    template <class Box> bool kdtree_get_bbox(Box &) const { return false; }
};

// Wall and CPU seconds since it was made.
class Stage {
public:
    void report(const char *name, size_t points, double check) const {
        rusage now;
        getrusage(RUSAGE_SELF, &now);
        std::printf("RESULT {\"stage\":\"%s\",\"wall\":%.6f,\"cpu\":%.6f,\"n\":%zu,\"check\":\"%.5f\",\"rss\":%.1f}\n", name,
                    wall() - start, cpu() - before, points, check, now.ru_maxrss / 1024.0);
    }

private:
    static double wall() {
        return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    }
    static double cpu() {
        rusage now;
        getrusage(RUSAGE_SELF, &now);
        return now.ru_utime.tv_sec + now.ru_stime.tv_sec + 1e-6 * (now.ru_utime.tv_usec + now.ru_stime.tv_usec);
    }
    double start = wall(), before = cpu();
};

static Cloud read(const char *path) {
    std::ifstream file(path, std::ios::binary);
    char magic[10];
    if (!file.read(magic, sizeof magic) || magic[0] != '\x93' || magic[6] != 1) {
        std::fprintf(stderr, "%s is no .npy file of version 1\n", path);
        std::exit(1);
    }
    file.seekg(10 + static_cast<unsigned char>(magic[8]) + 256 * static_cast<unsigned char>(magic[9]));
    Cloud cloud;
    std::vector<double> block(3 << 16);
    while (file) {
        file.read(reinterpret_cast<char *>(block.data()), block.size() * sizeof(double));
        size_t values = file.gcount() / sizeof(double);
        cloud.xyz.insert(cloud.xyz.end(), block.begin(), block.begin() + values);
    }
    return cloud;
}

int main(int count, char **arguments) {
    if (count != 3) return 2;
    const Cloud cloud = read(arguments[1]);
    const size_t n = cloud.kdtree_get_point_count(), k = std::atoi(arguments[2]);
    using Metric = nanoflann::L2_Simple_Adaptor<float, Cloud>;
    using Tree = nanoflann::KDTreeSingleIndexAdaptor<Metric, Cloud, 3, std::uint32_t>;
    Stage build;
    Tree tree(3, cloud, nanoflann::KDTreeSingleIndexAdaptorParams(16));
    tree.buildIndex();
    build.report("build", n, 0);
    std::vector<std::uint32_t> found(n * k);
    double sum = 0;
    Stage query;
#pragma omp parallel reduction(+ : sum)
    {
        std::vector<float> distances(k);
#pragma omp for schedule(dynamic, 1024)
        for (size_t i = 0; i < n; i++) {
            tree.knnSearch(&cloud.xyz[3 * i], k, &found[i * k], distances.data());
            sum += distances[k - 1];
        }
    }
    query.report("query", n, sum / n);
}
