import CLamina
import CLinux
import Glibc

/// A look into an ELF file with a few small reads: enough to say why it can't be a plug-in, without mapping or running
/// anything of it.
struct ELFImage: ~Copyable {
    let path: String
    private let file: File.Descriptor
    private let size: Int64
    /// The file's first bytes, which hold most of what is looked at.
    private let start: [UInt8]

    /// Opens the file.
    init(_ path: String) throws(LaminaError) {
        let file = try File.Descriptor(opening: path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let start = try file.read(4096, at: 0, of: path)
        size = Int64(try file.status(of: path).st_size)
        self.start = start
        self.path = path
        self.file = file
    }

    /// Refuses what isn't an ELF shared object of this program's architecture that defines the start-up symbol.
    func checkPlugin() throws(LaminaError) {
        let segments = try readHeaders()
        let dynamic = try readDynamic(segments)
        guard try dynamic.defines(LAMINA_STARTUP_SYMBOL, in: self) else {
            throw LaminaError(
                .loadFailed,
                path,
                "has no symbol \(LAMINA_STARTUP_SYMBOL)",
                remedy: "define and export it (LAMINA_EXPORT), or name a Lamina plug-in"
            )
        }
    }

    /// What a shared object says about the libraries that it needs.
    struct Needs {
        /// DT_NEEDED.
        var names: [String] = []
        /// The folders of DT_RPATH.
        var oldPaths: [String] = []
        /// The folders of DT_RUNPATH.
        var runPaths: [String] = []
    }

    /// Which libraries it needs. Refuses what is no shared object of this program's architecture.
    func needs() throws(LaminaError) -> Needs {
        let dynamic = try readDynamic(try readHeaders())
        func folders(_ tag: Int64) throws(LaminaError) -> [String] {
            try dynamic.texts(tag, in: self).flatMap { $0.split(separator: ":").map(String.init) }
        }
        return Needs(
            names: try dynamic.texts(Int64(DT_NEEDED), in: self),
            oldPaths: try folders(Int64(DT_RPATH)),
            runPaths: try folders(Int64(DT_RUNPATH))
        )
    }

    private func refuse(_ cause: String, remedy: String) -> LaminaError {
        LaminaError(.loadFailed, path, cause, remedy: remedy)
    }

    private func truncated() -> LaminaError {
        refuse("is truncated", remedy: "build or copy it again")
    }

    /// `count` bytes at `offset`, all of them.
    fileprivate func bytes(_ count: Int, at offset: UInt64) throws(LaminaError) -> [UInt8] {
        guard let place = Int64(exactly: offset), place <= size, Int64(count) <= size - place else { throw truncated() }
        if Int(place) + count <= start.count { return Array(start[Int(place)..<Int(place) + count]) }
        let bytes = try file.read(count, at: place, of: path)
        guard bytes.count == count else { throw truncated() }
        return bytes
    }

    /// A C struct at `offset`.
    fileprivate func read<Value: BitwiseCopyable>(_: Value.Type, at offset: UInt64) throws(LaminaError) -> Value {
        try bytes(MemoryLayout<Value>.size, at: offset).withUnsafeBytes { $0.loadUnaligned(as: Value.self) }
    }

    private func readHeaders() throws(LaminaError) -> [Elf64_Phdr] {
        let start = start.prefix(MemoryLayout<Elf64_Ehdr>.size)
        guard start.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else {
            throw refuse("is not an ELF file", remedy: "name a shared object (.so)")
        }
        guard start.count == MemoryLayout<Elf64_Ehdr>.size else { throw truncated() }
        guard start[Int(EI_CLASS)] == UInt8(ELFCLASS64), start[Int(EI_DATA)] == UInt8(ELFDATA2LSB) else {
            let kind = start[Int(EI_CLASS)] == UInt8(ELFCLASS64) ? "big-endian" : "32-bit"
            throw incompatible("is a \(kind) ELF file")
        }
        let header = start.withUnsafeBytes { $0.loadUnaligned(as: Elf64_Ehdr.self) }
        guard header.e_machine == clinux_elf_machine() else {
            throw incompatible("is built for \(Self.name(ofMachine: header.e_machine))")
        }
        guard header.e_type == UInt16(ET_DYN) else {
            throw refuse("is an ELF file but no shared object", remedy: "link it with -shared")
        }
        guard header.e_phentsize == UInt16(MemoryLayout<Elf64_Phdr>.size), header.e_phnum < 1024 else {
            throw refuse("has damaged program headers", remedy: "build it again")
        }
        var segments: [Elf64_Phdr] = []
        let table = try bytes(Int(header.e_phnum) * MemoryLayout<Elf64_Phdr>.size, at: header.e_phoff)
        for index in 0..<Int(header.e_phnum) {
            let segment = table.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: index * MemoryLayout<Elf64_Phdr>.size, as: Elf64_Phdr.self)
            }
            let (end, overflow) = segment.p_offset.addingReportingOverflow(segment.p_filesz)
            if segment.p_type == UInt32(PT_LOAD), overflow || end > UInt64(size) { throw truncated() }
            segments.append(segment)
        }
        return segments
    }

    private func incompatible(_ cause: String) -> LaminaError {
        LaminaError(
            .incompatible,
            path,
            "\(cause), and this program is \(Self.name(ofMachine: clinux_elf_machine()))",
            remedy: "build it for \(Self.name(ofMachine: clinux_elf_machine()))"
        )
    }

    private static func name(ofMachine machine: UInt16) -> String {
        switch Int32(machine) {
        case EM_X86_64: "x86-64"
        case EM_386: "32-bit x86"
        case EM_AARCH64: "aarch64"
        case EM_ARM: "32-bit ARM"
        case EM_RISCV: "RISC-V"
        case EM_PPC64: "64-bit PowerPC"
        case EM_S390: "S/390"
        default: "ELF machine \(machine)"
        }
    }

    private func readDynamic(_ segments: [Elf64_Phdr]) throws(LaminaError) -> ELFDynamic {
        guard let segment = segments.first(where: { $0.p_type == UInt32(PT_DYNAMIC) }) else {
            throw refuse("is an ELF file but no shared object", remedy: "link it with -shared")
        }
        let length = MemoryLayout<Elf64_Dyn>.size
        let table = try bytes(Int(min(segment.p_filesz, 64 << 10)), at: segment.p_offset)
        var dynamic = ELFDynamic(segments: segments)
        for offset in stride(from: 0, through: table.count - length, by: length) {
            let entry = table.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Elf64_Dyn.self) }
            if entry.d_tag == Int64(DT_NULL) { break }
            dynamic.entries.append(entry)
        }
        guard (dynamic.value(0x6fff_fffb) ?? 0) & 0x0800_0000 == 0 else {
            throw refuse("is a program, not a shared object", remedy: "link it with -shared")
        }
        return dynamic
    }
}

/// The dynamic section of a shared object, enough to look one symbol up.
private struct ELFDynamic {
    let segments: [Elf64_Phdr]
    var entries: [Elf64_Dyn] = []

    init(segments: [Elf64_Phdr]) {
        self.segments = segments
    }

    /// What the last entry of this tag says; nil where there is none.
    func value(_ tag: Int64) -> UInt64? {
        entries.last { $0.d_tag == tag }?.d_un.d_val
    }

    /// Where in the file the address `tag` points to; nil where it isn't there or lies in no segment of the file.
    private func place(_ tag: Int64) -> UInt64? {
        guard let address = value(tag) else { return nil }
        for segment in segments where segment.p_type == UInt32(PT_LOAD) && address >= segment.p_vaddr {
            let distance = address - segment.p_vaddr
            if distance < segment.p_filesz { return segment.p_offset + distance }
        }
        return nil
    }

    /// The texts that the entries of this tag stand for.
    func texts(_ tag: Int64, in image: borrowing ELFImage) throws(LaminaError) -> [String] {
        guard let strings = place(Int64(DT_STRTAB)), let size = value(Int64(DT_STRSZ)) else { return [] }
        var texts: [String] = []
        for entry in entries where entry.d_tag == tag && entry.d_un.d_val < size {
            let length = Int(min(size - entry.d_un.d_val, 4096))
            let bytes = try image.bytes(length, at: strings &+ entry.d_un.d_val)
            texts.append(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
        }
        return texts
    }

    /// Whether the object defines `name` as a function that others can find.
    func defines(_ name: String, in image: borrowing ELFImage) throws(LaminaError) -> Bool {
        guard let symbols = place(Int64(DT_SYMTAB)), let strings = place(Int64(DT_STRTAB)),
            let stringBytes = value(Int64(DT_STRSZ))
        else { return false }
        let wanted = Array(name.utf8) + [0]
        for index in try candidates(for: name, in: image) {
            let symbol = try image.read(
                Elf64_Sym.self,
                at: symbols &+ UInt64(index) &* UInt64(MemoryLayout<Elf64_Sym>.size)
            )
            guard symbol.st_shndx != UInt16(SHN_UNDEF), UInt64(symbol.st_name) + UInt64(wanted.count) <= stringBytes,
                try image.bytes(wanted.count, at: strings &+ UInt64(symbol.st_name)) == wanted
            else { continue }
            let (binding, type) = (Int32(symbol.st_info >> 4), Int32(symbol.st_info & 0xF))
            return (binding == STB_GLOBAL || binding == STB_WEAK) && (type == STT_FUNC || type == STT_NOTYPE)
        }
        return false
    }

    /// The numbers of the symbols that may have this name, from the GNU hash table or else the old one.
    private func candidates(for name: String, in image: borrowing ELFImage) throws(LaminaError) -> [UInt32] {
        if let table = place(0x6fff_fef5) { return try gnuCandidates(for: name, at: table, in: image) }
        guard let table = place(Int64(DT_HASH)) else { return [] }
        let count = try image.read(UInt32.self, at: table &+ 4)
        return Array(1..<max(min(count, 1 << 20), 1))
    }

    private func gnuCandidates(
        for name: String,
        at table: UInt64,
        in image: borrowing ELFImage
    ) throws(LaminaError) -> [UInt32] {
        let hash = name.utf8.reduce(UInt32(5381)) { $0 &* 33 &+ UInt32($1) }
        let buckets = try image.read(UInt32.self, at: table)
        let firstSymbol = try image.read(UInt32.self, at: table &+ 4)
        let bloomWords = try image.read(UInt32.self, at: table &+ 8)
        guard buckets > 0 else { return [] }
        let bucketsAt = table &+ 16 &+ UInt64(bloomWords) &* 8
        let chainsAt = bucketsAt &+ UInt64(buckets) &* 4
        var index = try image.read(UInt32.self, at: bucketsAt &+ UInt64(hash % buckets) &* 4)
        guard index >= firstSymbol else { return [] }
        var found: [UInt32] = []
        for _ in 0..<65536 {
            let entry = try image.read(UInt32.self, at: chainsAt &+ UInt64(index - firstSymbol) &* 4)
            if entry | 1 == hash | 1 { found.append(index) }
            if entry & 1 == 1 { break }
            index &+= 1
        }
        return found
    }
}
