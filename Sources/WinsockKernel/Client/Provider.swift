import CLamina
import CWinsockKernel
import Glibc
import Lamina

/// What stands behind every client of the process: one chain, made when it is first needed.
enum Provider {
    private static let mutex = SystemMutex(WSK_MUTEX_PROVIDER)
    // Guarded by the mutex.
    nonisolated(unsafe) private static var made: Chain?

    /// The chain; nil where it can't be made, and a line says why.
    static func open() -> Chain? {
        mutex.hold {
            if let made { return made }
            do throws(LaminaError) {
                made = try Chain.ofProgram()
            } catch {
                Report.line("the chain can't be made: \(error)")
            }
            return made
        }
    }

    /// The chain, where a client has it already.
    static var chain: Chain? { mutex.hold { made } }

    /// The highest version, and the lowest.
    static let version = UInt16(1 << 8)
}
