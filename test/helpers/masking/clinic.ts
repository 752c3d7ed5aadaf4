/**
 * The clinic: the schema that everything about masking is tried on, the columns of it that are protected, and its catalog
 * as plain facts. The statements are for a real server; the facts are what such a server tells about them.
 */
import { type Catalog, type CatalogFacts, catalogOf } from '../../../src/masking/catalog.ts';
import { type CompiledPolicy, compilePolicy } from '../../../src/masking/policy.ts';

/** Protected values of the first three patients, which nothing may show. */
export const SECRETS = [
  '081234567801',
  '081234567802',
  '085566778899',
  'ACC7700112233',
  'ACC7700112244',
  'ACC7700112255',
  '770011',
  '770022',
  '770033',
] as const;

export const PROTECTED = ['phone', 'bank_account_number', 'bank_pin'] as const;

export function clinicPolicy(): CompiledPolicy {
  return compilePolicy(PROTECTED.map((column) => ({ schema: 'clinic', table: 'patients', column })));
}

const HINT = 'USE INDEX (PRIMARY)';

/** For MariaDB and MySQL alike; one statement an entry, to be run by somebody who may do everything. */
export const CLINIC_SETUP: readonly string[] = [
  'DROP DATABASE IF EXISTS clinic',
  'CREATE DATABASE clinic CHARACTER SET utf8mb4',
  'DROP DATABASE IF EXISTS other',
  'CREATE DATABASE other',
  `CREATE TABLE clinic.patients(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), phone VARCHAR(20), phone_ext INT,
   email VARCHAR(80), bank_account_number VARCHAR(34), bank_pin BIGINT, city VARCHAR(30), note TEXT,
   created_at DATETIME, UNIQUE KEY uq_phone(phone), FULLTEXT KEY ft(phone))`,
  `INSERT INTO clinic.patients VALUES
   (1,'Andi','081234567801',11,'andi@x.io','ACC7700112233',770011,'Jakarta','ok','2024-01-01'),
   (2,'Budi','081234567802',12,'budi@x.io','ACC7700112244',770022,'Bandung','ok','2024-01-02'),
   (3,'Citra','085566778899',13,'citra@x.io','ACC7700112255',770033,'Jakarta','ok','2024-01-03')`,
  `CREATE TABLE clinic.clinics(id INT PRIMARY KEY AUTO_INCREMENT, title VARCHAR(50), phone VARCHAR(20),
   city VARCHAR(30))`,
  "INSERT INTO clinic.clinics VALUES (1,'Main','0215550101','Jakarta'),(2,'West','0225550102','Bandung')",
  'CREATE TABLE clinic.guesses(id INT PRIMARY KEY AUTO_INCREMENT, phone VARCHAR(20), label VARCHAR(20))',
  "INSERT INTO clinic.guesses VALUES (1,'000','guess-miss'),(2,'111','guess-miss')",
  `CREATE TABLE clinic.appointments(id INT PRIMARY KEY AUTO_INCREMENT, patient_id INT, clinic_id INT,
   status VARCHAR(10), starts_at DATETIME)`,
  `INSERT INTO clinic.appointments VALUES (1,1,1,'done','2024-02-01'),(2,2,1,'open','2024-02-02'),
   (3,3,2,'open','2024-02-03')`,
  'CREATE TABLE clinic.scratch(id INT PRIMARY KEY AUTO_INCREMENT, v TEXT)',
  'CREATE TABLE clinic.audited(id INT PRIMARY KEY, v TEXT)',
  `CREATE TRIGGER clinic.audit BEFORE INSERT ON clinic.audited FOR EACH ROW
   SET NEW.v = (SELECT phone FROM clinic.patients WHERE id = NEW.id)`,
  // A view takes no hint from who reads it: its own keeps it from the order of the phones.
  `CREATE VIEW clinic.v_contact AS SELECT id, name, phone AS contact FROM clinic.patients ${HINT}`,
  `CREATE ALGORITHM=TEMPTABLE VIEW clinic.v_temp AS SELECT id, phone AS contact FROM clinic.patients ${HINT}`,
  `CREATE VIEW clinic.v_safe AS SELECT id, name, city FROM clinic.patients ${HINT}`,
  'CREATE VIEW clinic.v_over AS SELECT contact AS c2, id FROM clinic.v_contact',
  `CREATE VIEW clinic.v_length AS SELECT id, CHAR_LENGTH(phone) AS digits FROM clinic.patients ${HINT}`,
  `CREATE FUNCTION clinic.get_phone(pid INT) RETURNS VARCHAR(20) READS SQL DATA
   RETURN (SELECT phone FROM clinic.patients WHERE id=pid)`,
  'CREATE FUNCTION clinic.twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2',
  'CREATE PROCEDURE clinic.list_patients() SELECT id, phone FROM clinic.patients',
  'CREATE PROCEDURE clinic.count_patients() SELECT COUNT(*) FROM clinic.patients',
  'CREATE TABLE other.patients(id INT, phone VARCHAR(20))',
  "INSERT INTO other.patients VALUES (1,'0000')",
];

const PATIENTS = '`clinic`.`patients`';
const HINTED = `${PATIENTS} USE INDEX (PRIMARY)`;

export const CLINIC_FACTS: CatalogFacts = {
  tables: [
    {
      schema: 'clinic',
      name: 'patients',
      columns: [
        'id',
        'name',
        'phone',
        'phone_ext',
        'email',
        'bank_account_number',
        'bank_pin',
        'city',
        'note',
        'created_at',
      ],
      indexes: [
        { name: 'PRIMARY', columns: ['id'] },
        { name: 'uq_phone', columns: ['phone'] },
        { name: 'ft', columns: ['phone'], unordered: true },
      ],
    },
    plain('clinics', 'id', 'title', 'phone', 'city'),
    plain('guesses', 'id', 'phone', 'label'),
    plain('appointments', 'id', 'patient_id', 'clinic_id', 'status', 'starts_at'),
    plain('scratch', 'id', 'v'),
    plain('audited', 'id', 'v'),
    view('v_contact', `select ${column('id')},${column('name')},${column('phone')} AS \`contact\` from ${HINTED}`, [
      'id',
      'name',
      'contact',
    ]),
    view('v_temp', `select ${column('id')},${column('phone')} AS \`contact\` from ${HINTED}`, ['id', 'contact']),
    view('v_safe', `select ${column('id')},${column('name')},${column('city')} from ${HINTED}`, ['id', 'name', 'city']),
    view(
      'v_over',
      'select `clinic`.`v_contact`.`contact` AS `c2`,`clinic`.`v_contact`.`id` AS `id` from `clinic`.`v_contact`',
      ['c2', 'id'],
    ),
    view('v_length', `select ${column('id')},char_length(${column('phone')}) AS \`digits\` from ${HINTED}`, [
      'id',
      'digits',
    ]),
    { schema: 'other', name: 'patients', columns: ['id', 'phone'], indexes: [] },
  ],
  routines: [
    {
      schema: 'clinic',
      name: 'get_phone',
      kind: 'function',
      body: 'RETURN (SELECT phone FROM clinic.patients WHERE id=pid)',
    },
    { schema: 'clinic', name: 'twice', kind: 'function', body: 'RETURN n * 2' },
    { schema: 'clinic', name: 'list_patients', kind: 'procedure', body: 'SELECT id, phone FROM clinic.patients' },
    { schema: 'clinic', name: 'count_patients', kind: 'procedure', body: 'SELECT COUNT(*) FROM clinic.patients' },
  ],
  triggers: [
    {
      schema: 'clinic',
      table: 'audited',
      name: 'audit',
      body: 'SET NEW.v = (SELECT phone FROM clinic.patients WHERE id = NEW.id)',
    },
  ],
};

export function clinicCatalog(): Catalog {
  return catalogOf(CLINIC_FACTS);
}

function plain(name: string, ...columns: string[]): CatalogFacts['tables'][number] {
  return { schema: 'clinic', name, columns, indexes: [{ name: 'PRIMARY', columns: ['id'] }] };
}

function view(name: string, definition: string, columns: string[]): CatalogFacts['tables'][number] {
  return { schema: 'clinic', name, columns, view: { definition } };
}

function column(name: string): string {
  return `${PATIENTS}.\`${name}\``;
}
