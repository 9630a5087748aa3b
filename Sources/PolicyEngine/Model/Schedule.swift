/// A named set of times, in one time zone: office hours, holidays. In force while any of its periods is.
public struct Schedule: Hashable, Sendable {
  public var name: String
  public var description: String
  /// A name of the IANA time zone database (`Europe/London`); changes of its clocks are followed.
  public var timeZone: String
  public var periods: [Period]

  /// Days, hours and dates that must all hold; what is not given always does.
  public struct Period: Hashable, Sendable {
    /// `mon` … `sun`; empty: every day.
    public var days: [String]
    /// `08:00-18:00`, local time, the end excluded; `22:00-06:00` runs over midnight and belongs to the day it begins on.
    public var hours: String?
    /// `2026-12-24`, `2026-12-24..2027-01-02`, or every year `12-24..01-02`; both ends included.
    public var dates: String?

    public init(days: [String] = [], hours: String? = nil, dates: String? = nil) {
      self.days = days
      self.hours = hours
      self.dates = dates
    }
  }

  public init(name: String, description: String = "", timeZone: String, periods: [Period]) {
    self.name = name
    self.description = description
    self.timeZone = timeZone
    self.periods = periods
  }
}
