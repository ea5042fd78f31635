public import CLamina
import LaminaFFI
import LaminaProvider
import Synchronization

/// A generic layer in Swift that sees what `wants` names, keeps the calls of `delay`, watches those of `watch`, fails those of
/// `fail`, and answers an extension's functions with `answer`. An ioctl lets go what it keeps, or asks what it has seen.
struct Warden: GenericLayer, ~Copyable {
    private let wanted: [String]
    private let delays: String
    private let watches: String
    private let insists: Bool
    private let fails: String
    private let error: Int32
    private let amount: Int64
    private let answer: UInt64
    private let kept = Mutex<[DelayedCall]>([])
    private let seen = Mutex<[String]>([])
    private let sentBytes = Mutex(0)
    private let ends = Mutex<(count: Int, bytes: UInt64, status: Int32, note: UInt64)>((0, 0, 0, 0))

    init(_ settings: InstanceSettings) throws(GenericRefusal) {
        wanted = settings.texts("wants")
        delays = settings.texts("delay").first ?? ""
        watches = settings.texts("watch").first ?? ""
        insists = settings.number("insists") != 0
        fails = settings.texts("fail").first ?? ""
        error = Int32(truncatingIfNeeded: settings.number("error"))
        amount = settings.number("amount")
        answer = UInt64(truncatingIfNeeded: settings.number("answer"))
        guard settings.number("refuses") == 0 else { throw GenericRefusal(error, "this one refuses") }
    }

    func wants(_ signature: GenericSignature) -> Bool {
        wanted.isEmpty || wanted.contains { signature.isNamed($0) } || signature.isNamed("control")
    }

    func call(_ call: borrowing GenericCall) -> lamina_status {
        let signature = call.signature
        if signature.isNamed("send"), let bytes = call.byteCount { sentBytes.withLock { $0 = bytes } }
        if signature.isNamed(fails) { return call.fail(error) }
        if signature.isNamed(delays), insists { return keep(call) }
        if signature.table == .extension {
            guard answer == 0 else {
                call.setResult(.number(answer))
                return 0
            }
            let status = call.forward()
            if case .number(let number) = call.result { call.setResult(.number(number * 3)) }
            return status
        }
        if signature.isNamed("control"), let operation = call.pointee("operation", as: lamina_operation.self),
            operation.kind == UInt32(LAMINA_CONTROL_IOCTL), let bytes = told(operation.code)
        {
            return call.complete(bytes: bytes)
        }
        if signature.table == .entry { seen.withLock { $0.append(signature.name) } }
        if signature.isNamed(watches) { call.watch(note: 7) }
        if amount != 0 { call.set("amount", to: .integer(amount)) }
        return signature.isNamed(delays) && call.canWait ? keep(call) : call.forward()
    }

    private func keep(_ call: borrowing GenericCall) -> lamina_status {
        let (status, delayed) = call.delay()
        if let delayed { kept.withLock { $0.append(delayed) } }
        return status
    }

    func ended(_ call: borrowing EndedCall) {
        let (bytes, status, note) = (call.bytes, call.status, call.note)
        ends.withLock { $0 = ($0.count + 1, bytes, status, note) }
    }

    /// What an ioctl is answered with; nil where it isn't this layer's.
    private func told(_ code: UInt32) -> UInt64? {
        switch code {
        case 950: return UInt64(take().count { $0.forward() })
        case 951: return UInt64(take().count { $0.fail(error) })
        case 952: return UInt64(take().count)
        case 953: return UInt64(take().count { $0.complete(bytes: 3) })
        case 960: return ends.withLock { UInt64($0.count) }
        case 961: return ends.withLock { $0.bytes }
        case 962: return ends.withLock { UInt64($0.status.magnitude) }
        case 963: return ends.withLock { $0.note }
        case 964: return seen.withLock { UInt64($0.count) }
        case 965: return seen.withLock { UInt64($0.count { $0 == "send" }) }
        case 966: return sentBytes.withLock { UInt64($0) }
        default: return nil
        }
    }

    private func take() -> [DelayedCall] {
        kept.withLock { kept in
            defer { kept = [] }
            return kept
        }
    }
}

private let offer = Offer(
    ProviderDescription(
        "warden",
        LAMINA_LAYERED_PROVIDER,
        version: "1.0",
        summary: "keeps, watches and answers calls",
        uuid: "0a1b2c3d-0000-4000-8000-00000000c0de",
        effect: LAMINA_EFFECT_OBSERVE,
        phase: LAMINA_PHASE_INSPECTOR,
        flags: LAMINA_PROVIDER_GENERIC,
        settings: [
            SettingDescription(
                "wants",
                LAMINA_SETTING_TEXT,
                flags: LAMINA_SETTING_LIST,
                help: "the calls that it sees"
            ),
            SettingDescription("delay", LAMINA_SETTING_TEXT, help: "the call that it keeps"),
            SettingDescription("watch", LAMINA_SETTING_TEXT, help: "the call whose end it sees"),
            SettingDescription(
                "insists",
                LAMINA_SETTING_BOOLEAN,
                default: "no",
                help: "asks to keep what can't wait as well"
            ),
            SettingDescription("fail", LAMINA_SETTING_TEXT, help: "the call that it fails"),
            SettingDescription("error", LAMINA_SETTING_INTEGER, default: "5", help: "with which errno"),
            SettingDescription("amount", LAMINA_SETTING_INTEGER, default: "0", help: "what it makes of an amount"),
            SettingDescription("refuses", LAMINA_SETTING_BOOLEAN, default: "no", help: "whether no level is made"),
            SettingDescription("answer", LAMINA_SETTING_INTEGER, default: "0", help: "what functions answer"),
        ],
        instantiate: { arguments, made in GenericLevel.instantiate(Warden.self, arguments, made) },
        destroy: { context in GenericLevel.destroy(context) }
    )
)

/// The plug-in's start-up symbol (WSPStartup).
@c(lamina_startup)
public func startUp(
    _ arguments: UnsafePointer<lamina_startup_arguments>,
    _ result: UnsafeMutablePointer<lamina_startup_result>
) -> lamina_status {
    offer.answer(result)
}
