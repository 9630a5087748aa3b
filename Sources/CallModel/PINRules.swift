/// Which PINs a service may have (routing reference §12.2). Nothing in it tells a PIN.
public enum PINRules {
  /// One PIN of a service, and what is wrong with it.
  public struct Fault: Hashable, Sendable {
    public enum Field: Hashable, Sendable { case pin, guestPIN }
    public var field: Field
    public var reason: String
  }

  /// Characters of a PIN, its `#` included.
  public static let lengths = 4...20
  public static let form = "4 to 20 digits, the last of which may be #"

  /// 4 to 20 digits, the last of which may be `#` instead.
  public static func isPIN(_ text: String) -> Bool {
    let digits = text.hasSuffix("#") ? text.dropLast() : text[...]
    return lengths.contains(text.utf8.count) && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// What is wrong with two PINs and guests together; each is a PIN by itself, or nil.
  public static func faults(pin: Secret?, guestPIN: Secret?, allowsGuests: Bool) -> [Fault] {
    var faults: [Fault] = []
    if allowsGuests, pin == nil {
      faults.append(Fault(field: .pin, reason: "must be set when allow_guests is true"))
    }
    if !allowsGuests, guestPIN != nil {
      faults.append(Fault(field: .guestPIN, reason: "is set although allow_guests is false"))
    }
    if let pin, let guestPIN, allowsGuests {
      let (host, guest) = (pin.reveal(), guestPIN.reveal())
      if host == guest {
        faults.append(Fault(field: .guestPIN, reason: "must differ from pin"))
      } else if host.hasSuffix("#") != guest.hasSuffix("#") {
        faults.append(Fault(field: .guestPIN, reason: "must end in # if pin does, and only then"))
      } else if !host.hasSuffix("#"), host.utf8.count != guest.utf8.count {
        faults.append(Fault(field: .guestPIN, reason: "must be as long as pin, or both must end in #"))
      }
    }
    return faults
  }
}
