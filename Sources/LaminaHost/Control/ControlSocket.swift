import Glibc
import Lamina

/// The socket at which a run is controlled, under the run's name.
struct ControlSocket {
    /// What the program and its children find the path in.
    static let variable = "LAMINA_CONTROL"
    /// How often a name is tried with another number before the process's own is taken.
    private static let numbers = 9

    /// The run's name.
    let name: String
    /// The socket's file.
    let path: String
    /// The listener.
    let descriptor: Int32

    /// Binds a socket for a run. A name that another run has gets a number. Blocks for the directory's lock, which others
    /// hold as long as this takes.
    init(wanting wanted: String) throws(LaminaError) {
        let directory = try RunDirectory.standard()
        self = try directory.locked { () throws(LaminaError) in
            let names = [wanted] + (2...ControlSocket.numbers).map { "\(wanted)-\($0)" } + ["\(wanted)-\(getpid())"]
            for name in names {
                let path = directory.socket(of: name)
                var made = UnixSocket.listen(path)
                if case .failure(Errno(EADDRINUSE)) = made, directory.removeStale(name) {
                    made = UnixSocket.listen(path)
                }
                switch made {
                case .success(let descriptor): return ControlSocket(name: name, path: path, descriptor: descriptor)
                case .failure(Errno(EADDRINUSE)): continue
                case .failure(let error):
                    throw LaminaError(.system, path, "can't be bound (\(error.text))", errno: error.code)
                }
            }
            throw LaminaError(
                .refused,
                "run \"\(wanted)\"",
                "every name like it is taken",
                remedy: "give it another --name"
            )
        }
    }

    private init(name: String, path: String, descriptor: Int32) {
        self.name = name
        self.path = path
        self.descriptor = descriptor
    }

    /// Takes the file away, then stops to listen: while it lies there it is this run's.
    func close() {
        unlink(path)
        Glibc.close(descriptor)
    }

    /// A name for a run of a program: the file's, in the letters that a name may have.
    static func name(for program: String) -> String {
        let file = program.split(separator: "/").last ?? "run"
        let bytes = file.utf8.prefix(24).map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        let name = String(decoding: bytes, as: UTF8.self)
        return name.hasPrefix(".") || name.hasPrefix("-") ? "run\(name)" : name
    }
}
