import FuzzedReaders
import Glibc
import TestSupport
import Testing

@Suite struct FuzzedReaderTests {
    @Test(
        "Every seed, and every input that ever made a fuzzer fail, is read without contradiction",
        arguments: Reader.allCases
    )
    func corpus(_ reader: Reader) throws {
        let seeds = try Self.inputs(in: "Corpus/\(reader.rawValue)")
        #expect(!seeds.isEmpty)
        for input in try seeds + Self.inputs(in: "Failures/\(reader.rawValue)") { try read(input, reader) }
    }

    @Test(
        "A seed that is cut off or has a byte changed is read without contradiction",
        arguments: Reader.allCases
    )
    func damage(_ reader: Reader) throws {
        for seed in try Self.inputs(in: "Corpus/\(reader.rawValue)") {
            for length in stride(from: 0, to: seed.count, by: 3) {
                try read(Array(seed[..<length]), reader)
                for byte: UInt8 in [0x22, 0xFF] {
                    var changed = seed
                    changed[length] = byte
                    try read(changed, reader)
                }
            }
        }
    }

    private func read(_ bytes: [UInt8], _ reader: Reader) throws {
        try reader.read(bytes, plugins: PackageTree.products)
    }

    /// The content of each file in a folder of the fuzzers'; none where there is no such folder.
    private static func inputs(in folder: String) throws -> [[UInt8]] {
        var found = glob_t()
        defer { globfree(&found) }
        guard glob("\(PackageTree.root)/Tests/Fuzzing/\(folder)/*", 0, nil, &found) == 0 else { return [] }
        return try (0..<Int(found.gl_pathc)).compactMap { index in
            try found.gl_pathv[index].map { try readAll(String(cString: $0)) }
        }
    }
}
