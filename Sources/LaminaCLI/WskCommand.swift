import ArgumentParser
import Glibc
import Lamina

/// `lamina wsk`: drivers that use Winsock Kernel.
struct WskCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wsk",
        abstract: "Run network code that was written as a Windows driver.",
        discussion: """
            Examples:
              wsk-cc -shared -o driver.so driver.c
              lamina wsk run ./driver.so
              LAMINA_LAYERS="trace count" lamina wsk run ./driver.so
            """,
        subcommands: [WskRunCommand.self]
    )
}

/// `lamina wsk run`: one driver, until it is interrupted.
struct WskRunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Call a driver's DriverEntry, wait for Ctrl-C, call DriverUnload.",
        discussion: """
            Afterwards what the driver left is listed, each with the place where it was made: sockets, IRPs, MDLs, \
            threads, pool memory. The exit status is 0 where it left nothing, 1 where it left something, 2 where \
            DriverEntry failed or the driver can't be loaded.
            """
    )

    @Argument(help: "The driver's file.", completion: .file(extensions: ["so"]))
    var driver: String

    func run() throws {
        let library = try WskLibrary()
        // Before the driver starts threads, which inherit it.
        Interrupts.begin()
        guard let loaded = library.load(driver.contains("/") ? driver : "./\(driver)") else { throw ExitCode(2) }
        Interrupts.awaitFirst()
        if library.unload(loaded) > 0 { throw ExitCode(1) }
    }
}

/// SIGINT and SIGTERM, which a thread of their own waits for: the first one is awaited, and the second one ends a program
/// that hangs in the driver's code.
private enum Interrupts {
    // Made for several threads.
    nonisolated(unsafe) private static let first: UnsafeMutablePointer<sem_t> = {
        let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
        sem_init(semaphore, 0, 0)
        return semaphore
    }()

    private static var signals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    private static let run: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { _ in
        var signals = Interrupts.signals
        var number: Int32 = 0
        sigwait(&signals, &number)
        sem_post(Interrupts.first)
        sigwait(&signals, &number)
        let line = "lamina: wsk: interrupted again: the driver goes without its DriverUnload having returned\n"
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        _exit(1)
    }

    static func begin() {
        var signals = Interrupts.signals
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        _ = first
        var thread = pthread_t()
        pthread_create(&thread, nil, run, nil)
    }

    static func awaitFirst() {
        while sem_wait(first) != 0 {}
    }
}

/// The library that drivers are linked with, found beside the command.
private struct WskLibrary {
    private typealias Load = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<OpaquePointer?>) -> Int32
    private typealias Unload = @convention(c) (OpaquePointer) -> UInt32

    private let loadFunction: Load
    private let unloadFunction: Unload

    init() throws(LaminaError) {
        let command = OriginStorage.executablePath(of: getpid()) ?? ""
        let folder = command.split(separator: "/").dropLast().map { "/\($0)" }.joined()
        let places = ["\(folder)/../lib/liblamina-wsk.so.0", "\(folder)/libWinsockKernel.so", "liblamina-wsk.so.0"]
        for place in places {
            guard let library = dlopen(place, RTLD_NOW | RTLD_GLOBAL) else { continue }
            guard let load = dlsym(library, "WskLoadDriver"), let unload = dlsym(library, "WskUnloadDriver") else {
                continue
            }
            loadFunction = unsafeBitCast(load, to: Load.self)
            unloadFunction = unsafeBitCast(unload, to: Unload.self)
            return
        }
        throw LaminaError(
            .notFound,
            "liblamina-wsk.so.0",
            "is neither beside the command nor where libraries are",
            remedy: "install it with install.sh"
        )
    }

    /// Loads a driver; nil where that failed, and the library has said why.
    func load(_ path: String) -> OpaquePointer? {
        var driver: OpaquePointer?
        return loadFunction(path, &driver) >= 0 ? driver : nil
    }

    func unload(_ driver: OpaquePointer) -> UInt32 { unloadFunction(driver) }
}
