import CLinux
import Glibc

/// A program before it starts: where it is, and what its file says of how it can be reached.
struct ProgramFile {
    /// How many `#!` lines are followed, as the kernel does.
    private static let depth = 5

    /// The file that is executed.
    let path: String
    /// Why no library can be preloaded into it, as the end of a sentence; nil where one can.
    let obstacle: String?
    /// It makes its own system calls, though a library can be preloaded.
    let isGo: Bool

    /// Looks at a program, and at the interpreters that its `#!` lines name. What no back end reaches is thrown.
    init(_ path: String) throws(LaunchFailure) {
        try self.init(path, followed: 0)
    }

    private init(_ path: String, followed: Int) throws(LaunchFailure) {
        try Self.checkRights(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            throw .refusedProgram(
                "\(path): it can't be read, so nothing says whether it can be covered (\(Errno.last.text))"
            )
        }
        defer { close(descriptor) }
        if let interpreter = Self.scriptInterpreter(descriptor) {
            // The kernel says ELOOP itself when there are too many.
            if followed < Self.depth && Self.executable(interpreter) == 0 {
                self = try ProgramFile(interpreter, followed: followed + 1)
                return
            }
        }
        self.path = path
        guard let elf = Elf(descriptor: descriptor) else {
            (obstacle, isGo) = (nil, false)
            return
        }
        if elf.bits == 32 { throw .refusedProgram("\(path): it is a 32-bit program, which no back end covers") }
        if elf.machine != Elf.nativeMachine { throw .refusedProgram("\(path): it is made for another processor") }
        isGo = elf.isGo
        obstacle = Self.obstacle(of: elf)
    }

    private static func obstacle(of elf: Elf) -> String? {
        guard let interpreter = elf.interpreter else {
            return elf.isGo ? "it is a static Go program" : "it is statically linked"
        }
        let loader = interpreter.split(separator: "/").last ?? ""
        if loader.hasPrefix("ld-musl") { return "it uses the C library musl" }
        return loader.hasPrefix("ld-linux") ? nil : "its loader \(interpreter) isn't glibc's"
    }

    /// Rights that a program gains at its start are lost under a run, and make the loader ignore preloaded libraries.
    private static func checkRights(_ path: String) throws(LaunchFailure) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let gainsUser = status.st_mode & S_ISUID != 0 && status.st_uid != geteuid()
        let gainsGroup =
            status.st_mode & S_ISGID != 0 && status.st_mode & S_IXGRP != 0 && status.st_gid != getegid()
        if gainsUser || gainsGroup {
            let kind = gainsUser ? "setuid" : "setgid"
            throw .refusedProgram(
                "\(path): it runs with another's rights (\(kind)), which it would not get under a run"
            )
        }
        if geteuid() != 0 && clinux_has_capabilities(path) != 0 {
            throw .refusedProgram("\(path): it has file capabilities, which it would not get under a run")
        }
    }

    /// The interpreter that a `#!` line names.
    private static func scriptInterpreter(_ descriptor: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 2, bytes.starts(with: [0x23, 0x21]) else { return nil }
        let line = bytes[2..<count].prefix { $0 != 0x0a && $0 != 0 }
        let words = line.split { $0 == 0x20 || $0 == 0x09 }
        return words.first.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension ProgramFile {
    /// Finds a program as execvp does: a path as it is, a name in PATH.
    static func find(_ name: String) throws(LaunchFailure) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            try check(name, Errno(executable(name)))
            return name
        }
        let path = getenv("PATH").map { String(cString: $0) } ?? "/bin:/usr/bin"
        var verdict = ENOENT
        if !name.isEmpty {
            for directory in path.split(separator: ":", omittingEmptySubsequences: false) {
                let candidate = directory.isEmpty ? name : "\(directory)/\(name)"
                let error = executable(candidate)
                if error == 0 { return candidate.utf8.contains(UInt8(ascii: "/")) ? candidate : "./\(candidate)" }
                if error == EACCES { verdict = EACCES }
            }
        }
        try check(name, Errno(verdict))
        return name
    }

    private static func check(_ name: String, _ error: Errno) throws(LaunchFailure) {
        if error.code == 0 { return }
        let code: Int32 = error.code == ENOENT || error.code == ENOTDIR ? 127 : 126
        throw LaunchFailure(code: code, message: "\(name): \(error.text)")
    }

    /// 0 where the file can be executed, else the errno that exec would give.
    private static func executable(_ path: String) -> Int32 {
        var status = stat()
        if stat(path, &status) < 0 { return errno }
        if status.st_mode & S_IFMT != S_IFREG { return EACCES }
        return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 ? errno : 0
    }
}
