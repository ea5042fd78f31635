import CLinux
import Glibc

/// Looks at a program before it starts: where it is, and whether the preload back end reaches it.
struct ProgramCheck {
    /// How many `#!` lines are followed, as the kernel does.
    private static let depth = 5

    /// Finds a program as execvp does: a path as it is, a name in PATH.
    static func find(_ name: String, path: String?) throws(LaunchFailure) -> String {
        if name.utf8.contains(UInt8(ascii: "/")) {
            try check(name, Errno(executable(name)))
            return name
        }
        var verdict = ENOENT
        if !name.isEmpty {
            for directory in (path ?? "/bin:/usr/bin").split(separator: ":", omittingEmptySubsequences: false) {
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

    /// Refuses a program that the preload back end doesn't reach, with the reason.
    static func judge(_ path: String) throws(LaunchFailure) {
        try judge(path, followed: 0)
    }

    private static func judge(_ path: String, followed: Int) throws(LaunchFailure) {
        try judgeRights(path)
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            throw .refused("\(path): it can't be read, so nothing says whether it can be covered (\(Errno.last.text))")
        }
        defer { close(descriptor) }
        if let interpreter = scriptInterpreter(descriptor) {
            // The kernel says ELOOP itself when there are too many.
            if followed < depth && executable(interpreter) == 0 { try judge(interpreter, followed: followed + 1) }
            return
        }
        guard let elf = Elf(descriptor: descriptor) else { return }
        if let reason = reason(against: elf) { throw .refused("\(path): \(reason)") }
    }

    private static func reason(against elf: Elf) -> String? {
        if elf.bits == 32 { return "it is a 32-bit program, which the preload back end does not cover" }
        if elf.machine != Elf.nativeMachine { return "it is made for another processor" }
        guard let interpreter = elf.interpreter else {
            let kind = elf.isGo ? "it is a static Go program" : "it is statically linked"
            return "\(kind), so no library can be preloaded into it; link it dynamically"
        }
        if elf.isGo { return "it is a Go program, which makes its own system calls past the C library" }
        let loader = interpreter.split(separator: "/").last ?? ""
        if loader.hasPrefix("ld-musl") { return "it uses the C library musl; only programs of glibc are covered" }
        if !loader.hasPrefix("ld-linux") { return "its loader \(interpreter) isn't glibc's" }
        return nil
    }

    /// Rights that a program gains at its start make the loader ignore preloaded libraries.
    private static func judgeRights(_ path: String) throws(LaunchFailure) {
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let gainsUser = status.st_mode & S_ISUID != 0 && status.st_uid != geteuid()
        let gainsGroup =
            status.st_mode & S_ISGID != 0 && status.st_mode & S_IXGRP != 0 && status.st_gid != getegid()
        if gainsUser || gainsGroup {
            let kind = gainsUser ? "setuid" : "setgid"
            throw .refused("\(path): it runs with another's rights (\(kind)), which no preloaded library may share")
        }
        if geteuid() != 0 && clinux_has_capabilities(path) != 0 {
            throw .refused("\(path): it has file capabilities, and no preloaded library may share them")
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
