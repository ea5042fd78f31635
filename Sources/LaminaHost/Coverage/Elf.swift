import Glibc

/// What a run must know of an ELF file.
struct Elf {
    /// 32 or 64.
    let bits: Int
    /// `EM_…`.
    let machine: UInt16
    /// The program interpreter (the dynamic loader), if there is one.
    private(set) var interpreter: String?
    /// It carries the Go linker's build id.
    private(set) var isGo = false

    /// The machine that this code was compiled for.
    static var nativeMachine: UInt16 {
        #if arch(arm64)
            183
        #else
            62
        #endif
    }

    /// Reads a file's headers; nil where it isn't ELF, or is cut off.
    init?(descriptor: Int32) {
        guard let start = Elf.read(descriptor, at: 0, count: 20), start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else {
            return nil
        }
        bits = start[4] == 2 ? 64 : 32
        machine = UInt16(Elf.number(start, 18, 2))
        if bits == 32 { return }
        guard let header = Elf.read(descriptor, at: 0, count: 64) else { return nil }
        let size = Int(Elf.number(header, 54, 2))
        let count = Int(Elf.number(header, 56, 2))
        let offset = Int(truncatingIfNeeded: Elf.number(header, 32, 8))
        guard size >= 56, count < 4096, let table = Elf.read(descriptor, at: offset, count: size * count) else {
            return nil
        }
        for start in stride(from: 0, to: size * count, by: size) {
            let offset = Int(truncatingIfNeeded: Elf.number(table, start + 8, 8))
            let length = Int(truncatingIfNeeded: Elf.number(table, start + 32, 8))
            guard length >= 0, length < 1 << 20 else { continue }
            switch Elf.number(table, start, 4) {
            case 3:
                guard let path = Elf.read(descriptor, at: offset, count: length) else { return nil }
                interpreter = String(decoding: path.prefix { $0 != 0 }, as: UTF8.self)
            case 4:
                guard let notes = Elf.read(descriptor, at: offset, count: length) else { return nil }
                isGo = isGo || Elf.containsGoNote(notes)
            default: break
            }
        }
    }

    /// Whether a note of owner `Go`, type 4, is among them.
    private static func containsGoNote(_ notes: [UInt8]) -> Bool {
        var at = 0
        while at + 12 <= notes.count {
            let name = Int(number(notes, at, 4))
            let value = Int(number(notes, at + 4, 4))
            let isGo = name == 4 && at + 16 <= notes.count && Array(notes[at + 12..<at + 16]) == [0x47, 0x6f, 0, 0]
            if isGo && number(notes, at + 8, 4) == 4 { return true }
            at += 12 + (name + 3) / 4 * 4 + (value + 3) / 4 * 4
        }
        return false
    }

    /// A little-endian number of `width` bytes.
    private static func number(_ bytes: [UInt8], _ at: Int, _ width: Int) -> UInt64 {
        bytes[at..<at + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static func read(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(descriptor, &bytes, count, off_t(offset)) == count ? bytes : nil
    }
}
