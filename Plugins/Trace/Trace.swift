import CLamina
import Glibc
import LaminaProvider
import Synchronization

typealias Slot = UnsafeMutablePointer<lamina_slot>
typealias Request = UnsafeMutablePointer<lamina_request>

/// One level: its settings, and the tables that were made for them. It stands in raw memory behind the instance's
/// context and doesn't change once it is made, but for `lost` and what `looks` points to.
struct Trace {
    /// What lines look like now.
    var looks: UnsafeMutablePointer<Atomic<UInt64>>
    /// Whether calls that carry data come here.
    var seesData: Bool
    var filter: Filter
    /// Where lines go, -1 for the framework's output.
    var file: Int32
    var label: UnsafePointer<CChar>
    var upcalls: UnsafePointer<lamina_upcalls>
    var table: lamina_table
    var indications: lamina_indications
    /// Whether a line could not be written, which is said once.
    var lost = false
    /// What writes packets in the place of lines.
    var capture: Capture?

    /// What lines look like now.
    var look: Look { Look(bits: looks.pointee.load(ordering: .relaxed)) }

    /// The level that a slot of a socket belongs to.
    static func of(_ slot: Slot) -> UnsafeMutablePointer<Trace>? {
        lamina_instance_context(slot)?.assumingMemoryBound(to: Trace.self)
    }

    /// What writes packets, for the level that a slot of a socket belongs to.
    static func capture(of slot: Slot) -> Capture? { of(slot)?.pointee.capture }

    static func instantiate(
        _ arguments: UnsafePointer<lamina_instance_arguments>,
        _ made: UnsafeMutablePointer<lamina_instance>
    ) -> lamina_status {
        let settings = InstanceSettings(arguments)
        let look = Look(settings)
        guard settings.number("bytes", default: 32) <= Look.mostBytes else {
            return settings.refuse(-EINVAL) { $0.append("bytes is more than 64k; give less") }
        }
        var filter = Filter()
        settings.forEach("entries") { setting in
            if let name = setting.text { filter.add(name) }
        }
        filter.settle(withData: look.data != .none)
        var capture: Capture?
        if let path = settings.text("pcap") {
            do throws(Failure) {
                capture = try Capture(path, label: arguments.pointee.label, arguments.pointee.slot)
            } catch {
                return settings.refuse(
                    -error.errno,
                    "pcap: \(String(cString: path)) can't be written: \(error); give a file where you may write"
                )
            }
        }
        var file: Int32 = -1
        if let path = settings.text("file") {
            file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard file >= 0 else {
                let cause = errno
                return settings.refuse(-cause) { line in
                    line.append("file: ")
                    line.append(cString: path)
                    line.append(" can't be opened: ")
                    line.append(cString: strerror(cause))
                    line.append("; give a file in a directory that you may write")
                }
            }
        }
        let looks = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: 1)
        looks.initialize(to: Atomic(look.bits))
        let instance = UnsafeMutablePointer<Trace>.allocate(capacity: 1)
        instance.initialize(
            to: Trace(
                looks: looks,
                seesData: look.data != .none,
                filter: filter,
                file: file,
                label: arguments.pointee.label,
                upcalls: arguments.pointee.upcalls,
                table: capture == nil ? filter.linked(Calls.table) : CaptureCalls.table,
                indications: capture == nil ? filter.linked(Events.indications) : CaptureCalls.indications,
                capture: capture
            )
        )
        made.pointee.effect = UInt32(filter.showsData || capture != nil ? LAMINA_EFFECT_OBSERVE : LAMINA_EFFECT_NONE)
        made.pointee.context = UnsafeMutableRawPointer(instance)
        made.pointee.table = UnsafePointer(instance.field(\.table))
        made.pointee.indications = UnsafePointer(instance.field(\.indications))
        return 0
    }

    static func destroy(_ context: UnsafeMutableRawPointer?) {
        guard let instance = context?.assumingMemoryBound(to: Trace.self) else { return }
        if instance.pointee.file >= 0 { close(instance.pointee.file) }
        instance.pointee.capture?.flush()
        instance.pointee.looks.deinitialize(count: 1)
        instance.pointee.looks.deallocate()
        instance.deinitialize(count: 1)
        instance.deallocate()
    }
}
